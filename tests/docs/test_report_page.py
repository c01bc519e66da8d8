"""docs/report.md: its commands run as they stand, on small files in the places that they name."""

import re
import shlex
from pathlib import Path

import pytest

from lce_tf import cli
from tests.reporting.conftest import fill
from tests.reporting.test_sources import write_tables

DOC = (Path(__file__).parents[2] / "docs" / "report.md").read_text(encoding="utf-8")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The files that the page names."""
    fill(tmp_path)
    (tmp_path / "first.trec").rename(tmp_path / "bm25.trec")
    (tmp_path / "models").mkdir()
    (tmp_path / "lce8").rename(tmp_path / "models" / "lce8")
    data = write_tables(tmp_path / "runs" / "smoke") / "data"
    data.mkdir()
    (data / "collection.tsv").write_text("p1\tfirst\np9\tninth\n")
    (data / "queries.dev.tsv").write_text("q1\tone\nq2\ttwo\n")
    (data / "qrels.dev.tsv").write_text("q1\t0\tp1\t1\nq2\t0\tp2\t1\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_commands(place):
    block = "".join(re.findall(r"```bash\n(.*?)```", DOC, re.S)).replace("\\\n", "")
    commands = [shlex.split(line) for line in block.splitlines()]
    assert [command[:2] for command in commands] == [["lce", "report"]] * 2
    for command in commands:
        assert cli.main(command[1:]) == 0, command
    assert "lce, n = 8" in (place / "report.html").read_text(encoding="utf-8")
    assert "pydocs (6% of it), dev" in (place / "tables.html").read_text(encoding="utf-8")


def test_the_flags_and_the_picture_are_there():
    from lce_tf.report import parser

    known = {flag for action in parser()._actions for flag in action.option_strings}
    assert set(re.findall(r"`(--[a-z-]+)", DOC)) <= known
    picture = Path(__file__).parents[2] / "docs" / "report.png"
    assert picture.stat().st_size <= 200_000
