"""The moving average of the weights: against the recurrence by hand, in every layout, over an interruption."""

import functools
import json
import signal
import subprocess
import sys
from dataclasses import asdict

import numpy as np
import pytest

from lce_tf.errors import UserError
from lce_tf.model import checkpoint
from lce_tf.training.ema import WeightAverage
from lce_tf.training.job import train
from lce_tf.training.records import Figures

DECAY = 0.7


@pytest.fixture
def taken(monkeypatch):
    """Lists of a training's weights: at its start, then after each step, by the variables' order."""
    found = []
    update, begin = WeightAverage.update, WeightAverage.__init__

    def now(average):
        return [variable.numpy() for variable in average._variables]

    def begins(self, *arguments):
        begin(self, *arguments)
        found.append(now(self))

    def updates(self):
        found.append(now(self))
        update(self)

    monkeypatch.setattr(WeightAverage, "__init__", begins)
    monkeypatch.setattr(WeightAverage, "update", updates)
    return found


def by_hand(taken):
    """The recurrence of the docstring, in float64."""
    average = [array.astype(np.float64) for array in taken[0]]
    for step, weights in enumerate(taken[1:], 1):
        decay = min(DECAY, (1 + step) / (10 + step))
        average = [decay * a + (1 - decay) * w for a, w in zip(average, weights, strict=True)]
    return average


def weights(folder):
    """The arrays of a trained checkpoint, by the variables' order."""
    return [variable.numpy() for variable in checkpoint.load(folder).trainable_variables]


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["slices", "rows"])
def test_the_result_is_the_average(files, tmp_path, taken, layout):
    average = weights(train(files.config(ema=DECAY, layout=layout), tmp_path / "average"))
    assert len(taken) == 7
    for found, expected, raw in zip(average, by_hand(taken), taken[-1], strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
        assert not np.array_equal(found, raw)
    # The training itself is the one without an average, bit for bit.
    last = weights(train(files.config(layout=layout), tmp_path / "last"))
    assert all(map(np.array_equal, last, taken[-1]))


@pytest.mark.slow
def test_two_replicas_average_as_one(files, tmp_path):
    """In a process of its own, since TensorFlow makes devices only before it starts."""
    config = files.config(ema=DECAY)
    script = (
        "import json, sys; from lce_tf.training.config import TrainConfig; from lce_tf.training.job import train; "
        "train(TrainConfig(**json.loads(sys.argv[1])), sys.argv[2])"
    )
    command = [sys.executable, "-c", script, json.dumps({**asdict(config), "devices": 2}), str(tmp_path / "two")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    for found, expected in zip(weights(tmp_path / "two"), weights(train(config, tmp_path / "one")), strict=True):
        # Sums in another order; Adam blows the noise of a gradient near 0 up to a part of the rate, 1e-3.
        np.testing.assert_allclose(found, expected, atol=1e-3)
        assert np.median(np.abs(found - expected)) <= 1e-4


@pytest.fixture(scope="module")
def whole(files, tmp_path_factory):
    """Layout -> an undisturbed training."""
    folder = tmp_path_factory.mktemp("ema")
    return functools.cache(lambda layout: train(files.config(ema=DECAY, log_every=1, layout=layout), folder / layout))


@pytest.mark.parametrize("layout", ["slices", pytest.param("rows", marks=pytest.mark.slow)])
def test_interrupted_and_called_again_it_ends_bitwise_the_same(files, tmp_path, monkeypatch, whole, layout):
    config = files.config(ema=DECAY, log_every=1, layout=layout)
    add = Figures.add

    def then_stopped(self, at, **values):
        add(self, at, **values)
        if at == 3:
            signal.getsignal(signal.SIGTERM)(signal.SIGTERM, None)

    with monkeypatch.context() as patch:
        patch.setattr(Figures, "add", then_stopped)
        with pytest.raises(KeyboardInterrupt):
            train(config, tmp_path / "parts")
    parts = train(config, tmp_path / "parts")
    assert (parts / "model.safetensors").read_bytes() == (whole(layout) / "model.safetensors").read_bytes()


def test_the_average_is_what_is_evaluated_and_kept(files, tmp_path, whole):
    """Of a training whose only evaluation is after the last step, the best is that step's average."""
    dev = {"dev_run": str(files.dev_run), "evaluate_every": 6, "dev_queries": 4, "dev_depth": 5}
    best = train(files.config(ema=DECAY, keep="best", **dev), tmp_path / "best")
    assert (best / "model.safetensors").read_bytes() == (whole("slices") / "model.safetensors").read_bytes()


@pytest.mark.parametrize("decay", [1.0, -0.1, float("nan")])
def test_a_decay_out_of_bounds(files, decay):
    with pytest.raises(UserError, match=f"--ema {decay}: give a decay of at least 0 and below 1, such as 0.999"):
        files.config(ema=decay)
