"""Trainings whose groups are others than one positive and negatives: what reaches the loss, and that it trains."""

import json

import numpy as np
import pytest

from lce_tf.groups.sampler import GroupSampler
from lce_tf.training.inputs import read_inputs
from lce_tf.training.job import train


@pytest.fixture(scope="module")
def graded(files, tmp_path_factory):
    """The small data set with two relevant passages a query, of grades 2 and 1, and without judgments of `bare`."""
    folder = tmp_path_factory.mktemp("graded")
    for path in files.data.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    rows = "".join(f"train{i} 0 p{i} 2\ntrain{i} 0 p{i + 20} 1\n" for i in range(12))
    (folder / "qrels.train.txt").write_text(rows)
    (folder / "queries.bare.tsv").write_bytes((folder / "queries.train.tsv").read_bytes())
    return folder


def test_grades_and_several_positives_train(files, graded, tmp_path):
    config = files.config(dataset=str(graded), loss="multi-lce", group_positives=2, steps=2, layout="slices")
    inputs = read_inputs(config)
    dealt = GroupSampler(inputs.pool, 4, 42, positives=2, grades=True).step(0, 12)
    assert sorted(np.unique(dealt.labels[:, :2])) == [1, 2] and not dealt.labels[:, 2:].any()
    manifest = json.loads((train(config, tmp_path / "out") / "manifest.json").read_text())
    assert manifest["loss"] == {"name": "multi-lce", "temperature": 1.0}


def test_whole_lists_of_a_teacher_need_no_judgments(files, graded, tmp_path):
    run = str(files.run)
    config = files.config(
        dataset=str(graded), split="bare", teacher=run, loss="kl", loss_options="temperature=2", positives="none",
        negatives_depth=20, group=20, batch=2, steps=2, layout="slices",
    )  # fmt: skip
    manifest = json.loads((train(config, tmp_path / "out") / "manifest.json").read_text())
    assert manifest["teacher"] == "teacher scores for 100.0% of the passages"
    assert manifest["queries"] == "12 queries of the run" and manifest["loss"] == {"name": "kl", "temperature": 2.0}
