"""Two small runs with gaps and other scales, as arrays and as files."""

from pathlib import Path

import pytest

from lce_tf.data.runs import Run

A = {"q1": {"d1": 12.0, "d2": 9.5, "d3": 7.0, "d4": 1.0}, "q2": {"d1": 3.0, "d5": 2.0}}
B = {"q1": {"d3": 0.9, "d1": 0.2, "d6": -0.4}, "q2": {"d5": 5.0, "d2": 4.0, "d1": -1.0}}


def run_of(values: dict[str, dict[str, float]]) -> Run:
    """The run of query -> passage -> score, best first."""
    offsets = [0]
    for found in values.values():
        offsets.append(offsets[-1] + len(found))
    passages = [passage for found in values.values() for passage in found]
    return Run.build(list(values), offsets, passages, [score for found in values.values() for score in found.values()])


def write_rows(path: Path, values: dict[str, dict[str, float]]) -> str:
    """The same as a TREC file, and its path."""
    rows = [
        f"{query} Q0 {passage} {rank} {score} t\n"
        for query, found in values.items()
        for rank, (passage, score) in enumerate(found.items(), 1)
    ]
    path.write_text("".join(rows))
    return str(path)


@pytest.fixture
def two(tmp_path, monkeypatch):
    """The files a.trec and b.trec in the working directory."""
    monkeypatch.chdir(tmp_path)
    write_rows(Path("a.trec"), A)
    write_rows(Path("b.trec"), B)
    return tmp_path
