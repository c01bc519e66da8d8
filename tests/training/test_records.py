import json
import math
from dataclasses import replace

import pytest

from lce_tf.errors import UserError
from lce_tf.training.config import TrainConfig
from lce_tf.training.records import Figures, open_manifest, versions

CONFIG = TrainConfig("data", "run.trec", backbone="minilm", steps=10)
HASHES = {"run": "1234", "collection": "abcd"}


def lines(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_the_manifest_holds_configuration_departures_inputs_and_versions(tmp_path):
    open_manifest(tmp_path, CONFIG, HASHES, {"usable_queries": 3})
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["config"]["steps"] == 10 and manifest["inputs"] == HASHES and manifest["usable_queries"] == 3
    assert manifest["departures"]["backbone"] == {"paper": "google/electra-base-discriminator", "here": "minilm"}
    assert manifest["departures"]["steps"]["paper"] == 300_000
    assert manifest["versions"]["tensorflow"] and set(manifest["versions"]) == set(versions())


def test_the_same_run_may_come_again(tmp_path):
    open_manifest(tmp_path, CONFIG, HASHES, {"usable_queries": 3})
    before = (tmp_path / "manifest.json").read_bytes()
    open_manifest(tmp_path, CONFIG, HASHES, {"usable_queries": 3})
    assert (tmp_path / "manifest.json").read_bytes() == before


@pytest.mark.parametrize(
    ("config", "hashes", "message"),
    [
        (replace(CONFIG, learning_rate=1e-4), HASHES, "another config: learning_rate is 1e-05 there and 0.0001 here"),
        (CONFIG, {**HASHES, "collection": "efgh"}, "another inputs: collection is 'abcd' there and 'efgh' here"),
        (CONFIG, {"run": "1234"}, "another inputs: collection is 'abcd' there and None here"),
        (replace(CONFIG, dev_run="d.trec"), HASHES, "another config: dev_run is None there and 'd.trec' here"),
    ],
)
def test_another_run_is_refused_by_name(tmp_path, config, hashes, message):
    open_manifest(tmp_path, CONFIG, HASHES, {})
    before = (tmp_path / "manifest.json").read_bytes()
    with pytest.raises(UserError, match="choose another --output") as caught:
        open_manifest(tmp_path, config, hashes, {})
    assert message in str(caught.value) and str(tmp_path) in str(caught.value)
    assert (tmp_path / "manifest.json").read_bytes() == before


def test_a_hash_that_an_older_manifest_lacks_counts_as_unchanged(tmp_path):
    open_manifest(tmp_path / "old", CONFIG, HASHES, {})
    open_manifest(tmp_path / "old", CONFIG, {**HASHES, "backbone_config": "ab"}, {})
    open_manifest(tmp_path / "new", CONFIG, {**HASHES, "backbone_config": "ab"}, {})
    with pytest.raises(UserError, match="another inputs: backbone_config is 'ab' there and 'cd' here"):
        open_manifest(tmp_path / "new", CONFIG, {**HASHES, "backbone_config": "cd"}, {})


def test_older_versions_read_no_dev_run_without_an_interval_of_evaluations(tmp_path):
    watched = replace(CONFIG, dev_run="d.trec")
    open_manifest(tmp_path, watched, HASHES, {})
    before = (tmp_path / "manifest.json").read_bytes()
    open_manifest(tmp_path, replace(watched, evaluate_every=1), {**HASHES, "dev_run": "5"}, {})
    assert (tmp_path / "manifest.json").read_bytes() == before
    # One that evaluates has read its dev run, which may not change.
    open_manifest(tmp_path / "now", replace(watched, evaluate_every=1), {**HASHES, "dev_run": "5"}, {})
    with pytest.raises(UserError, match="another inputs: dev_run is '5' there and '6' here"):
        open_manifest(tmp_path / "now", replace(watched, evaluate_every=1), {**HASHES, "dev_run": "6"}, {})


def test_another_tpu_goes_on_with_it(tmp_path):
    open_manifest(tmp_path, replace(CONFIG, strategy="tpu", tpu="first"), HASHES, {})
    open_manifest(tmp_path, replace(CONFIG, strategy="tpu", tpu="second"), HASHES, {})
    assert json.loads((tmp_path / "manifest.json").read_text())["config"]["tpu"] == "first"


@pytest.mark.parametrize("name", ["checkpoints/ckpt-1.index", "config.json"])
def test_a_folder_with_something_else_is_refused(tmp_path, name):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / name).write_text("{}")
    with pytest.raises(UserError, match="that no training here has written"):
        open_manifest(tmp_path, CONFIG, HASHES, {})


@pytest.mark.parametrize(("text", "message"), [("{", "is not JSON"), ("[]", "is not a JSON object")])
def test_a_damaged_manifest_is_refused_in_one_line(tmp_path, text, message):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(UserError, match=message):
        open_manifest(tmp_path, CONFIG, HASHES, {})


def test_figures_go_to_json_lines_and_tensorboard(tmp_path):
    import tensorflow as tf
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    figures = Figures(tmp_path, 0)
    figures.add(2, loss=0.5, learning_rate=1e-5)
    figures.add(4, loss=0.25)
    figures.close()
    assert lines(tmp_path) == [{"step": 2, "loss": 0.5, "learning_rate": 1e-5}, {"step": 4, "loss": 0.25}]
    figures = Figures(tmp_path, 4)
    figures.add(6, dev_mrr_10=0.75)
    figures.close()
    read = EventAccumulator(str(tmp_path / "summaries"))
    read.Reload()
    curves = {
        tag: [(event.step, float(tf.make_ndarray(event.tensor_proto))) for event in read.Tensors(tag)]
        for tag in read.Tags()["tensors"]
    }
    assert curves == {
        "train/loss": [(2, 0.5), (4, 0.25)],
        "train/learning_rate": [(2, pytest.approx(1e-5))],
        "dev/MRR@10": [(6, 0.75)],
    }


def test_the_first_stage_s_figures_are_of_step_0_and_kept_by_all_but_a_fresh_start(tmp_path):
    figures = Figures(tmp_path, 0)
    figures.add(0, dev_first_stage_mrr_10=0.25)
    figures.add(2, loss=1.0)
    figures.close()
    Figures(tmp_path, 2).close()
    assert [line["step"] for line in lines(tmp_path)] == [0, 2]
    Figures(tmp_path, 0).close()
    assert lines(tmp_path) == []


def test_each_line_is_told(tmp_path):
    told = []
    figures = Figures(tmp_path, 0, told.append)
    figures.add(2, loss=0.5, gradient_norm=math.nan)
    figures.add(4, loss=0.25)
    figures.close()
    assert told == lines(tmp_path) == [{"step": 2, "loss": 0.5, "gradient_norm": None}, {"step": 4, "loss": 0.25}]


def test_what_is_no_number_is_null(tmp_path):
    figures = Figures(tmp_path, 0)
    figures.add(1, loss=math.nan, gradient_norm=math.inf, loss_scale=2.0)
    figures.close()
    text = (tmp_path / "metrics.jsonl").read_text()
    assert text == '{"step": 1, "loss": null, "gradient_norm": null, "loss_scale": 2.0}\n'


@pytest.mark.parametrize(("step", "kept"), [(0, []), (3, [2]), (4, [2, 4]), (9, [2, 4, 6])])
def test_lines_beyond_the_restored_step_are_dropped(tmp_path, step, kept):
    (tmp_path / "metrics.jsonl").write_text("".join(f'{{"step": {s}, "loss": 1.0}}\n' for s in (2, 4, 6)))
    Figures(tmp_path, step).close()
    assert [line["step"] for line in lines(tmp_path)] == kept


@pytest.mark.parametrize("torn", ['{"step": 4, "lo', '{"step"', "\x00\x00\x00", '{"step": 4, "lo\n', "\x00\n", "{}\n"])
def test_a_torn_last_line_is_dropped(tmp_path, torn):
    (tmp_path / "metrics.jsonl").write_text('{"step": 2, "loss": 1.0}\n' + torn)
    figures = Figures(tmp_path, 9)
    figures.add(10, loss=0.5)
    figures.close()
    assert [line["step"] for line in lines(tmp_path)] == [2, 10]
