"""What a product of several stages says that it was made from."""

import hashlib
import json
import shutil
from dataclasses import replace

import pytest

from lce_tf.errors import UserError
from lce_tf.foundation.steps import changed
from lce_tf.multistage.scoring import backbone_hashes, training_settings


def test_a_single_file_of_weights(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    before = backbone_hashes(str(tmp_path))
    assert before["backbone_sha256"] == hashlib.sha256(b"weights").hexdigest()
    (tmp_path / "config.json").write_text('{"model_type": "bert", "hidden_act": "relu"}')
    now = backbone_hashes(str(tmp_path))
    assert changed(now, before, {}).startswith("backbone_config")
    assert changed(now, {"backbone_sha256": before["backbone_sha256"]}, {}) is None  # an older record


def test_other_weights_in_the_files_that_an_index_names(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    index, shard = tmp_path / "model.safetensors.index.json", tmp_path / "model-1.safetensors"
    index.write_text(json.dumps({"weight_map": {"a": shard.name}}))
    shard.write_bytes(b"weights")
    before = backbone_hashes(str(tmp_path))
    shard.write_bytes(b"others")
    now = backbone_hashes(str(tmp_path))
    assert changed(now, before, {}).startswith("backbone_shards_sha256")
    # A record from before the files were hashed is none of other weights.
    assert changed(now, {"backbone_sha256": before["backbone_sha256"]}, {}) is None


def test_dev_runs_count_only_where_the_weights_may_depend_on_them(small, tmp_path):
    dev = tmp_path / "dev.trec"
    dev.write_bytes(small.dev_run.read_bytes())
    alone = small.config(steps=4)
    watched = replace(alone, dev_run=str(dev), dev_also=f"{small.data}:train:{small.run}")
    assert training_settings(watched) == training_settings(alone)
    for asked in ({"evaluate_every": 5}, {"keep": "best"}, {"patience": 3}):
        before = training_settings(replace(watched, **asked))
        assert before["dev_run"] == str(dev) and before["dev_also"] == watched.dev_also
    dev.write_bytes(b"".join(dev.read_bytes().splitlines(keepends=True)[:-1]))
    now = training_settings(replace(watched, patience=3))
    assert changed(now, before, {}).startswith("dev_sha256")
    older = {name: value for name, value in before.items() if name != "dev_sha256"}
    assert changed(now, older, {}) is None


def test_other_scores_of_the_teacher_make_another_student(small, tmp_path):
    teacher = tmp_path / "teacher.trec"
    teacher.write_bytes(small.run.read_bytes())
    taught = small.config(loss="kl", teacher=str(teacher))
    before = training_settings(taught)
    teacher.write_bytes(small.dev_run.read_bytes())
    assert changed(training_settings(taught), before, {}).startswith("teacher_sha256")


def test_judgments_are_needed_only_for_groups_with_a_positive(small, tmp_path):
    data = shutil.copytree(small.data, tmp_path / "data")
    (data / "qrels.train.txt").unlink()
    taught = small.config(dataset=str(data), loss="kl", teacher=str(small.run))
    with pytest.raises(UserError, match="has no qrels.train.tsv or qrels.train.txt; add the file"):
        training_settings(taught)
    assert training_settings(replace(taught, positives="none"))["judgments"]
