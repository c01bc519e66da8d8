"""`lce holdout`: what it writes serves a training that keeps its best checkpoint, and evaluation."""

import json

import pytest

from lce_tf import EvaluateConfig, evaluate, holdout, train
from tests.training.conftest import Files


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return Files(tmp_path_factory.mktemp("holdout"))


def held_out(files, output, *flags):
    given = [str(files.run), "--dataset", str(files.data), "--split", "train", "--output", str(output)]
    return holdout.main([*given, *flags])


def test_it_says_what_it_wrote(files, tmp_path, capsys):
    assert held_out(files, tmp_path / "bm25", "--held-out", "5") == 0
    assert capsys.readouterr().out.splitlines() == [
        f"7 queries, 140 rows: {tmp_path}/bm25.rest.trec",
        f"5 queries, 100 rows: {tmp_path}/bm25.held.trec",
        f"5 judgments: {tmp_path}/bm25.held.qrels.txt",
    ]


def test_lists_without_relevant_passages_are_pointed_out(files, tmp_path, capsys):
    judged = {tuple(line.split()[::2][:2]) for line in (files.data / "qrels.train.txt").read_text().splitlines()}
    rows = [line for line in files.run.read_text().splitlines(True) if tuple(line.split()[::2][:2]) not in judged]
    (tmp_path / "negatives.trec").write_text("".join(rows))
    given = [str(tmp_path / "negatives.trec"), "--dataset", str(files.data), "--split", "train"]
    given += ["--held-out", "5", "--output"]
    assert holdout.main([*given, str(tmp_path / "one")]) == 0
    assert "lists no relevant passage for any query held out" in capsys.readouterr().err
    assert holdout.main([*given, str(tmp_path / "two"), "--with-relevant"]) == 0
    assert capsys.readouterr().err == ""
    found = evaluate(
        EvaluateConfig(
            (str(tmp_path / "two.held.trec"),), qrels=str(tmp_path / "two.held.qrels.txt"), measures=("R@1000",)
        )
    )
    assert set(found.values["two.held.trec"]["R@1000"].values()) == {1.0}


def test_a_training_keeps_the_checkpoint_that_is_best_on_them(files, tmp_path):
    assert held_out(files, tmp_path / "bm25", "--held-out", "5", "--with-relevant") == 0
    settings = {"evaluate_every": 2, "keep": "best", "dev_split": "train", "dev_depth": 30, "dev_measure": "MRR@100"}
    train(
        files.config(run=str(tmp_path / "bm25.rest.trec"), dev_run=str(tmp_path / "bm25.held.trec"), **settings),
        tmp_path / "model",
    )
    lines = [json.loads(line) for line in (tmp_path / "model" / "metrics.jsonl").read_text().splitlines()]
    values = [line["dev_mrr_100"] for line in lines if "dev_mrr_100" in line]
    assert len(values) == 3 and all(0 < value <= 1 for value in values)
    assert json.loads((tmp_path / "model" / "manifest.json").read_text())["usable_queries"] == 7
