"""Evaluations while training: the first stage's values by hand, what is best, and when patience ends."""

import contextlib
import io
import json
import signal
from types import SimpleNamespace

import numpy as np
import pytest

from lce_tf.data.runs import Run
from lce_tf.training.checkpoints import Checkpoints
from lce_tf.training.dev_evaluation import Best, DevEvaluation
from lce_tf.training.inputs import DevSample
from lce_tf.training.job import Job, train
from lce_tf.training.records import Figures
from tests.training.conftest import kept_checkpoints
from tests.training.test_workers import on_each

# The relevant passages are at ranks 2 and 1: MRR (1/2 + 1) / 2, nDCG (1 / log2(3) + 1) / 2.
FIRST = DevSample(
    "",
    Run.build(["q1", "q2"], [0, 2, 4], ["p1", "p2", "p3", "p4"], [2, 1, 2, 1]),
    {"q1": {"p2": 1}, "q2": {"p3": 1}},
    None,
)
# At rank 3: MRR 1/3, nDCG 1 / log2(4).
OTHER = DevSample("held", Run.build(["q9"], [0, 3], ["p1", "p2", "p3"], [3, 2, 1]), {"q9": {"p3": 1}}, None)


def test_the_first_stage_by_two_measures(capsys):
    found = DevEvaluation(None, [FIRST], ["MRR@10", "nDCG@10"]).first_stage()
    ndcg = (1 / np.log2(3) + 1) / 2
    assert found == pytest.approx({"dev_first_stage_mrr_10": 0.75, "dev_first_stage_ndcg_10": ndcg})
    assert capsys.readouterr().out == "first stage: MRR@10 0.7500, nDCG@10 0.8155 on 2 dev queries\n"


def test_the_first_stage_on_two_sets(capsys):
    found = DevEvaluation(None, [FIRST, OTHER], ["MRR@10"]).first_stage()
    assert found == pytest.approx(
        {
            "dev_first_stage_mrr_10": 0.75,
            "dev_first_stage_mrr_10:held": 1 / 3,
            "dev_first_stage_mrr_10:mean": (0.75 + 1 / 3) / 2,
        }
    )
    assert capsys.readouterr().out.splitlines()[1:] == [
        "first stage: MRR@10 0.3333 on 1 dev queries of held",
        "first stage: MRR@10 0.5417 on average over 2 sets",
    ]


def test_the_first_measure_s_mean_decides(monkeypatch):
    evaluation = DevEvaluation(None, [FIRST, OTHER], ["nDCG@10", "MRR@10"])
    monkeypatch.setattr(evaluation, "_reranked", lambda sample: sample.run)
    whole, told = evaluation.measured(5)
    assert whole == pytest.approx(((1 / np.log2(3) + 1) / 2 + 0.5) / 2) == told["dev_ndcg_10:mean"]
    assert told["dev_mrr_10:held"] == pytest.approx(1 / 3) and len(told) == 6


def test_equal_values_are_not_better():
    """0.41 is below itself when that is rounded to the float32 that is saved."""
    best = Best(patience=2)
    for value, improves, spent in [(0.41, True, False), (0.41, False, False), (0.3, False, True), (0.42, True, False)]:
        assert best.improves(value) == improves
        best.take(value)
        assert best.spent == spent
    assert set(best.parts) == {"best", "since_best"}


def test_without_patience_nothing_is_spent_and_no_count_is_saved():
    best = Best(patience=0)
    for _ in range(5):
        best.take(0.1)
    assert not best.spent and set(best.parts) == {"best"}


def test_all_workers_end_when_the_chief_s_patience_does():
    def out_of_patience(workers):
        job = SimpleNamespace(
            config=SimpleNamespace(patience=2), workers=workers, best=SimpleNamespace(spent=workers.chief)
        )
        return Job._out_of_patience(job)

    assert on_each(out_of_patience, 3) == [True, True, True]


# What the evaluation after each step is made to find.
VALUES = {1: 0.2, 2: 0.5, 3: 0.5, 4: 0.4, 5: 0.9, 6: 0.9}


def measured(self, step):
    return VALUES[step], {"dev_mrr_10": VALUES[step]}


@pytest.fixture
def found(monkeypatch):
    monkeypatch.setattr(DevEvaluation, "measured", measured)


def impatient(files, **settings):
    dev = {"dev_run": str(files.dev_run), "evaluate_every": 1, "dev_queries": 4, "dev_depth": 5, "log_every": 1}
    return files.config(**{**dev, "patience": 2, "keep": "best", **settings})


@pytest.fixture(scope="module")
def ended(files, tmp_path_factory):
    """A training that patience ended, and what it printed."""
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as said:
        patch.setattr(DevEvaluation, "measured", measured)
        patch.setattr(Checkpoints, "discard", lambda self: None)
        return train(impatient(files), tmp_path_factory.mktemp("patience") / "ended"), said.getvalue()


def rows(folder, name="dev_mrr_10"):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return {line["step"]: line[name] for line in lines if name in line}


def weights(folder):
    return (folder / "model.safetensors").read_bytes()


def newest(folder):
    return max(int(path.stem.partition("-")[2]) for path in folder.glob("checkpoints/ckpt-*.index"))


def test_patience_ends_a_training_with_its_best(files, tmp_path, ended, found):
    folder, said = ended
    assert list(rows(folder)) == list(rows(folder, "loss")) == [1, 2, 3, 4] and newest(folder) == 4
    why = "step 4: training ends, since 2 evaluations in a row brought no MRR@10 above 0.5000 (--patience 2)\n"
    assert why in said
    two = train(impatient(files, patience=3), tmp_path / "goes-on")  # its step 5 is better
    assert list(rows(two)) == [1, 2, 3, 4, 5, 6]
    # The best is that of step 2; the last that of step 4, in the schedule of all six.
    assert weights(folder) == weights(folder / "best") != weights(two)
    last = train(impatient(files, keep="last"), tmp_path / "last")
    assert list(rows(last)) == [1, 2, 3, 4] and weights(last) != weights(folder)
    assert train(impatient(files), folder) == folder


def test_the_count_is_kept_across_a_stop(files, tmp_path, ended, found, monkeypatch):
    whole, folder, add = ended[0], tmp_path / "parts", Figures.add

    def then_stopped(self, at, **values):
        add(self, at, **values)
        if at == 3 and "loss" in values:
            signal.getsignal(signal.SIGTERM)(signal.SIGTERM, None)

    with monkeypatch.context() as patch:
        patch.setattr(Figures, "add", then_stopped)
        with pytest.raises(KeyboardInterrupt):
            train(impatient(files), folder)
    assert list(rows(folder)) == [1, 2, 3]
    with kept_checkpoints():
        train(impatient(files), folder)
    assert rows(folder) == rows(whole) and weights(folder) == weights(whole)
    # As if the process had died after the last checkpoint, before the result.
    for name in ("config.json", "model.safetensors"):
        (folder / name).unlink()
    train(impatient(files), folder)
    assert rows(folder) == rows(whole) and weights(folder) == weights(whole)


def test_a_dev_run_alone_is_evaluated_and_its_first_stage_recorded_once(files, tmp_path, capsys):
    config = files.config(steps=3, dev_run=str(files.dev_run), dev_queries=4, dev_depth=5, dev_measure="MRR@10,nDCG@10")
    told = []
    folder = train(config, tmp_path / "out", on_figures=told.append)
    assert list(rows(folder)) == list(rows(folder, "dev_ndcg_10")) == [1, 2, 3]
    (first,) = rows(folder, "dev_first_stage_mrr_10").items()
    # The first four of the dev queries by id; where their relevant passages are among the run's top 5.
    ranked = [line.split() for line in files.dev_run.read_text().splitlines()]
    judged = dict(line.split()[::2] for line in (files.data / "qrels.dev.txt").read_text().splitlines())
    ranks = [int(rank) for query, _, passage, rank, *_ in ranked if judged[query] == passage and int(rank) <= 5
             and query in ("dev0", "dev1", "dev10", "dev11")]  # fmt: skip
    assert first == (0, pytest.approx(sum(1 / rank for rank in ranks) / 4))
    assert f"first stage: MRR@10 {first[1]:.4f}, nDCG@10 " in capsys.readouterr().out
    assert json.loads((folder / "manifest.json").read_text())["config"]["evaluate_every"] == 1
    # What a caller is told is what is in the file.
    assert told == [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert told[0]["step"] == told[0]["epoch"] == 0 and [row["step"] for row in told[1:]] == [1, 2, 2, 3, 3]
