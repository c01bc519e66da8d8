"""Calibrations as functions and as files, and that none of them changes an order."""

import json
import shutil

import numpy as np
import pytest

from lce_tf.data.runs import Run
from lce_tf.errors import UserError
from lce_tf.model import checkpoint
from lce_tf.reranking.activation import activated
from lce_tf.reranking.calibration import FILE, Calibration, read_calibration, write_calibration

ISOTONIC = Calibration("isotonic", scores=(-1.0, 0.0, 2.0), probabilities=(0.2, 0.2, 0.9))


def test_probabilities_by_hand():
    found = Calibration("platt", 2.0, -1.0).probability(np.float32([0.5, 1, np.nan]))
    np.testing.assert_allclose(found, [0.5, 1 / (1 + np.exp(-1)), np.nan])
    np.testing.assert_allclose(ISOTONIC.probability([-9, -0.5, 1, 9, np.nan]), [0.2, 0.2, 0.55, 0.9, np.nan])


@pytest.mark.parametrize("shown", [ISOTONIC, Calibration("platt", 3.0, 70.0), Calibration("temperature", 40.0)])
def test_the_order_stays_where_probabilities_tie(shown):
    draws = np.random.default_rng(1)
    logits = np.sort(draws.normal(0, 3, 200).astype(np.float32))[::-1].copy()
    logits[150:] = np.nan
    names = [f"p{i}" for i in draws.permutation(200)]
    scores = np.where(np.isnan(logits), np.float64(-20) - np.arange(200), logits)
    run, values = activated(Run.build(["q"], [0, 200], names, scores), logits, shown)
    assert run.passage_ids.tolist() == [name.encode() for name in names]
    assert len(np.unique(values[:150])) < 150 and (np.diff(run.scores) <= 0).all()
    assert np.isnan(values[150:]).all()


@pytest.fixture
def folder(checkpoints, tmp_path):
    return shutil.copytree(checkpoints[1], tmp_path / "model")


def test_written_and_read_again(folder):
    assert read_calibration(folder) is None
    before = checkpoint.identity(folder)
    for calibration in (ISOTONIC, Calibration("platt", 0.25, -1.5)):
        write_calibration(folder, calibration, {"run": "x"})
        assert read_calibration(folder) == calibration
    assert checkpoint.identity(folder) == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model": "0" * 16}, "was fitted to other weights than are here"),
        ({"layout_version": 2}, "is a checkpoint's calibration of version 2"),
        ({"calibration": {"method": "platt", "slope": -1.0, "scores": [], "probabilities": []}}, "is no calibration"),
        ({"calibration": {"method": "magic", "scores": [], "probabilities": []}}, "is no calibration"),
        ({"calibration": {"method": "platt", "slope": "1", "scores": [], "probabilities": []}}, "is no calibration"),
        ({"calibration": {"method": "isotonic", "scores": [0, 1], "probabilities": [1, 0]}}, "is no calibration"),
        ({"calibration": {"method": "isotonic", "scores": [0, 1], "probabilities": [0, 1.5]}}, "is no calibration"),
        ({"calibration": 3}, "is no calibration"),
        ({"way": 3}, "is no calibration .the way 3 is no object"),
    ],
)
def test_what_does_not_belong_there_is_one_line(folder, change, said):
    write_calibration(folder, Calibration("platt", 0.25, -1.5), {})
    values = json.loads((folder / FILE).read_text())
    (folder / FILE).write_text(json.dumps({**values, **change}))
    with pytest.raises(UserError, match=said) as refused:
        read_calibration(folder)
    assert str(folder / FILE) in str(refused.value) and "\n" not in str(refused.value)


def test_other_weights_are_noticed(folder, checkpoints):
    write_calibration(folder, Calibration("platt", 0.25, -1.5), {})
    with open(folder / "vocab.txt", "a") as file:
        file.write("more\n")
    with pytest.raises(UserError, match="was fitted to other weights than are here"):
        read_calibration(folder)
