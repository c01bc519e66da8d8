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
from lce_tf.reranking.calibration import FILE, Calibration, read_calibration, write_calibration
from lce_tf.reranking.opening import open_checkpoint
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


def said(capsys, **settings):
    """What loading the checkpoint for such scores says on stderr."""
    capsys.readouterr()
    Reranker.load(**{"precision": "float32", **settings})
    return capsys.readouterr().err


def test_scores_made_otherwise_than_those_of_the_fit_are_told(job, tmp_path, capsys):
    config, wanted = job
    calibrate(wanted)
    file, folder = Path(config.checkpoint) / FILE, config.checkpoint
    assert json.loads(file.read_text())["way"] == {
        "query": 8, "sequence": 40, "passage": None, "stride": None, "windows": 1, "cut": "passage", "side": "right",
        "rule": "difference", "special_words": False,
    }  # fmt: skip
    assert said(capsys, checkpoint=folder) == said(capsys, checkpoint=folder, windows=1, query_length=8) == ""
    start = f"note: {file}: was fitted to scores with"
    more = said(capsys, checkpoint=folder, window=10, stride=5, windows=3)
    assert more.startswith(
        f"{start} passage None, stride None, windows 1, and these are with passage 10, stride 5, windows 3; "
    )
    assert more.count("\n") == 1
    capsys.readouterr()
    shorter = replace(config, sequence_length=39, output=f"{config.output}.39")
    rerank(shorter)
    assert f"{start} sequence 40, and these are with sequence 39; " in capsys.readouterr().err
    # A teacher's scores are not calibrated.
    judged = shutil.copytree(config.dataset, tmp_path / "judged")
    (judged / "qrels.dev.txt").write_text("q0 0 d1 1\n")
    rerank(replace(shorter, dataset=str(judged), judged=True, output=f"{config.output}.judged"))
    assert start not in capsys.readouterr().err
    # Nothing is told of scores that are made as those of the fit were.
    calibrate(replace(wanted, run=shorter.output))
    assert said(capsys, checkpoint=folder, sequence_length=39) == "" != said(capsys, checkpoint=folder)


def test_a_file_without_it_counts_as_fitted_to_the_checkpoint_s_own_scores(job, capsys):
    config, wanted = job
    manifest = Path(f"{config.output}.json")
    facts = json.loads(manifest.read_text())
    del facts["way"]
    manifest.write_text(json.dumps(facts))
    calibrate(wanted)
    file = Path(config.checkpoint) / FILE
    values = json.loads(file.read_text())
    assert values["way"]["windows"] == 1 and "rule" not in values["way"]  # as far as the older manifest says it
    del values["way"]
    file.write_text(json.dumps(values))
    assert said(capsys, checkpoint=config.checkpoint) == ""
    told = said(capsys, checkpoint=config.checkpoint, sequence_length=39)
    assert "with sequence 40, and these are with sequence 39; " in told


def test_scores_of_the_other_label_are_refused(tmp_path):
    from tests.checkpoints import made

    folder = tmp_path / "public"
    folder.mkdir()
    made.save_bert(folder, labels=2)
    way = open_checkpoint(folder).way
    for fitted in (way, None):
        write_calibration(folder, Calibration("platt", 0.5, way=fitted), {})
        open_checkpoint(folder, positive_label=1).check_calibration()
        with pytest.raises(UserError, match="in which label 1 means relevant; give --positive-label 1, or delete"):
            Reranker.load(folder, positive_label=0)
    # Where the names of the labels do not tell, either label may be right.
    made.edit(folder / "config.json", id2label={"0": "A", "1": "B"})
    write_calibration(folder, Calibration("platt", 0.5), {})
    for label in (0, 1):
        open_checkpoint(folder, positive_label=label).check_calibration()
    write_calibration(folder, Calibration("platt", 0.5, way={"rule": "reversed"}), {})
    with pytest.raises(UserError, match="in which label 0 means relevant; give --positive-label 0, or delete"):
        open_checkpoint(folder, positive_label=1).check_calibration()


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
