"""`lce holdout`: what it writes serves a training that keeps its best checkpoint, and evaluation."""

import pytest

from lce_tf import EvaluateConfig, evaluate, holdout
from lce_tf.training.dev_evaluation import DevEvaluation
from lce_tf.training.inputs import read_inputs
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


def test_a_training_takes_the_one_to_learn_from_and_the_other_to_keep_its_best_by(files, tmp_path):
    assert held_out(files, tmp_path / "bm25", "--held-out", "5", "--with-relevant") == 0
    settings = {"evaluate_every": 2, "keep": "best", "dev_split": "train", "dev_depth": 30, "dev_measure": "MRR@100"}
    inputs = read_inputs(
        files.config(run=str(tmp_path / "bm25.rest.trec"), dev_run=str(tmp_path / "bm25.held.trec"), **settings)
    )
    assert len(inputs.pool) == 7 and len(inputs.dev[0].run.query_ids) == 5
    first = DevEvaluation(None, inputs.dev, ["MRR@100"]).first_stage()
    assert 0 < first["dev_first_stage_mrr_100"] <= 1
