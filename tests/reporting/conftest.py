"""Runs of a few rows with texts, and a training's folder; their figures are worked out by hand."""

import json
from pathlib import Path

import pytest

SCRIPT = "<script>alert('passage')</script> & </td>"
# MRR@10 by hand: first stage (1/2 + 1 + 1/3 + 0) / 4 = 0.4583; reranked (1 + 1/2 + 1 + 0) / 4 = 0.6250.
QRELS = "q1 0 p1 1\nq2 0 p2 1\nq3 0 p3 1\nq4 0 p4 1\n"
FIRST = {"q1": "p9 p1", "q2": "p2 p9", "q3": "p8 p9 p3", "q4": "p9"}
RERANKED = {"q1": "p1 p9", "q2": "p9 p2", "q3": "p3 p8 p9", "q4": "p9"}
CONFIG = {
    "loss": "lce", "group": 8, "run": "/somewhere/bm25.train.trec", "backbone": "<b>minilm</b>", "batch": 4,
    "steps": 4, "learning_rate": 1e-4, "recipe": "paper", "seed": 42,
}  # fmt: skip


def write_run(path: Path, ranked: dict) -> Path:
    rows = [
        f"{query_id} Q0 {passage_id} {rank} {-rank} t\n"
        for query_id, ids in ranked.items()
        for rank, passage_id in enumerate(ids.split(), 1)
    ]
    path.write_text("".join(rows))
    return path


def write_training(folder: Path, **changes) -> Path:
    """A training of four steps whose second loss is no number."""
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps({"config": {**CONFIG, **changes}}))
    rows = [
        {"step": 1, "loss": 2.0, "learning_rate": 1e-4, "gradient_norm": 3.0},
        {"step": 2, "loss": None, "learning_rate": 5e-5, "gradient_norm": 2.0},
        {"step": 3, "loss": 1.0, "learning_rate": 2e-5, "gradient_norm": 1.0},
        {"step": 3, "dev_mrr_10": 0.25},
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"step": 4, "lo')
    (folder / "config.json").write_text("{}")
    return folder


def fill(folder: Path) -> None:
    """Writes judgments, texts, two runs and the training of one of them."""
    (folder / "qrels.txt").write_text(QRELS)
    write_run(folder / "first.trec", FIRST)
    write_run(folder / "new.trec", RERANKED)
    write_training(folder / "lce8")
    (folder / "new.trec.json").write_text(json.dumps({"checkpoint": "lce8"}))
    queries = {"q1": "<img src=x onerror=alert(1)>", "q2": "two", "q3": "three " * 50, "q4": "four"}
    (folder / "queries.tsv").write_text("".join(f"{key}\t{text}\n" for key, text in queries.items()))
    passages = {"p1": SCRIPT, "p2": "second", "p3": "third", "p8": "eighth", "p9": "ninth", "p10": "never shown"}
    (folder / "collection.tsv").write_text("".join(f"{key}\t{text}\n" for key, text in passages.items()))


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The working directory, filled."""
    fill(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


FLAGS = "--qrels qrels.txt --queries queries.tsv --collection collection.tsv --first-stage first.trec".split()


@pytest.fixture
def made(place):
    """Makes the page of `new.trec`, and gives its HTML."""
    from lce_tf.report import main

    def make(*arguments: str, sources=("new.trec",)) -> str:
        assert main([*sources, *FLAGS, "--output", "report.html", *arguments]) == 0
        return (place / "report.html").read_text(encoding="utf-8")

    return make
