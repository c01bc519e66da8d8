"""From a scored run to a checkpoint that shows probabilities, in every way that it is asked."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lce_tf.data.runs import read_run
from lce_tf.errors import UserError
from lce_tf.reranker import Reranker
from lce_tf.reranking.calibrate import CalibrateConfig, calibrate
from lce_tf.reranking.calibration import FILE, read_calibration
from lce_tf.reranking.rerank import rerank


@pytest.fixture
def job(config, checkpoints, tmp_path):
    """A copy of the checkpoint, a run it scored, and judgments by which what scores high is mostly relevant."""
    folder = shutil.copytree(checkpoints[1], tmp_path / "model")
    config = replace(config, checkpoint=str(folder), output=str(tmp_path / "scored.trec"), depth=20)
    rerank(config)
    run, rows = read_run(config.output), []
    for number, query in enumerate(run.query_ids.tolist()):
        names = run.passage_ids[slice(*run.offsets[number : number + 2])].tolist()
        grades = [1 + (rank == 0) if rank < 6 and rank != 2 else 0 for rank in range(len(names))]
        rows += [f"{query.decode()} 0 {name.decode()} {grade}\n" for name, grade in zip(names, grades, strict=True)]
    (tmp_path / "qrels").write_text("".join(rows))
    return config, CalibrateConfig(str(folder), config.output, str(tmp_path / "qrels"), held_out=0.4)


def test_the_parts_share_no_query_and_are_measured(job):
    config, wanted = job
    found = calibrate(wanted)
    assert (found.fitted.queries, found.held_out.queries) == (3, 2)
    assert len(found.fitted.scores) + len(found.held_out.scores) == 80
    written = json.loads((Path(config.checkpoint) / FILE).read_text())
    assert written["held_out"]["after"]["ece"] == found.after.ece and written["fitted"]["queries"] == 3
    assert written["run_sha256"] == read_run(config.output).sha256
    assert found.after.brier < found.before.brier
    again = calibrate(wanted)
    assert (again.calibration, again.before, again.after) == (found.calibration, found.before, found.after)
    assert calibrate(replace(wanted, relevant=2)).fitted.relevant.sum() == 3


@pytest.mark.parametrize("method", ["platt", "isotonic"])
def test_what_is_shown_is_a_probability_and_the_order_stays(job, method, data):
    config, wanted = job
    before, logits = read_run(config.output), np.load(f"{config.output}.scores.npz")["scores"]
    calibration = calibrate(replace(wanted, method=method)).calibration
    again = replace(config, output=f"{config.output}.again")
    rerank(again)
    after, raw = read_run(again.output), np.load(f"{again.output}.scores.npz")
    assert after.passage_ids.tolist() == before.passage_ids.tolist()
    np.testing.assert_array_equal(raw["logits"], logits)
    np.testing.assert_allclose(raw["scores"], calibration.probability(logits), rtol=1e-6)
    assert json.loads(Path(f"{again.output}.json").read_text())["calibration"]["method"] == method
    reranker = Reranker.load(config.checkpoint, precision="float32")
    pairs = [("a b", "a b c d"), ("a b", "x y z")]
    scored = reranker.scored(pairs)
    np.testing.assert_allclose(reranker.score(pairs), calibration.probability(scored.scores), rtol=1e-6)
    np.testing.assert_array_equal(scored.relevance, calibration.probability(scored.scores))
    assert [one.score for one in reranker.rank("a b", ["x y z", "a b c d"])] == pytest.approx(
        sorted(reranker.score(pairs).tolist(), reverse=True)
    )


def test_a_run_with_probabilities_is_calibrated_by_its_logits(job):
    config, wanted = job
    first = calibrate(wanted).calibration
    again = replace(config, output=f"{config.output}.again")
    rerank(again)
    assert calibrate(replace(wanted, run=again.output)).calibration == first


def test_a_run_of_another_model_is_refused(job, checkpoints):
    _, wanted = job
    with pytest.raises(UserError, match="scored.trec: was not scored by .*trained2 as it is now"):
        calibrate(replace(wanted, checkpoint=str(checkpoints[2])))
    assert read_calibration(checkpoints[2]) is None


@pytest.mark.parametrize(
    ("qrels", "settings", "said"),
    [
        ("q0 0 d1 1\nq1 0 d1 0\n", {}, "no scored passage is judged"),
        (None, {"relevant": 9}, r"no scored passage is judged relevant \(grade 9 or more\); give more judgments"),
        ("q9 0 d1 1\n", {}, "of the queries to fit to .0., no scored passage is judged"),
    ],
)
def test_judgments_that_do_not_suffice(job, tmp_path, qrels, settings, said):
    config, wanted = job
    if qrels:
        (tmp_path / "qrels").write_text(qrels)
    with pytest.raises(UserError, match=said):
        calibrate(replace(wanted, **settings))
    assert not (tmp_path / "model" / FILE).exists()


def test_positives_alone_need_the_rest_to_count(job, tmp_path):
    config, wanted = job
    run = read_run(config.output)
    tops = zip(run.query_ids.tolist(), run.passage_ids[run.offsets[:-1]].tolist(), strict=True)
    (tmp_path / "qrels").write_text("".join(f"{query.decode()} 0 {name.decode()} 1\n" for query, name in tops))
    with pytest.raises(UserError, match="judged not relevant; say --unjudged irrelevant if what is not judged"):
        calibrate(wanted)
    found = calibrate(replace(wanted, unjudged="irrelevant"))
    assert len(found.fitted.scores) + len(found.held_out.scores) == 80 and found.fitted.relevant.sum() == 3


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"qrels": None}, "--qrels, --dataset: give one of them"),
        ({"dataset": "pydocs"}, "--qrels, --dataset: give one of them"),
        ({"split": "dev"}, "--split dev: has no meaning with --qrels"),
        ({"method": "magic"}, "--method 'magic': known are platt, temperature, isotonic"),
        ({"held_out": 1.0}, "--held-out 1.0: give a share above 0 and below 1"),
        ({"bins": 1}, "--bins 1: give 2 or more"),
        ({"bins": 1 << 40}, "give 2 or more and less than 1000000"),
    ],
)
def test_settings_that_cannot_be_meant(settings, said):
    with pytest.raises(UserError, match=said):
        CalibrateConfig(**{"checkpoint": "m", "run": "r", "qrels": "q", **settings})
