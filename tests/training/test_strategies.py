"""Two logical CPU devices, which TensorFlow makes only before it starts: in a process of their own."""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest

from lce_tf.errors import UserError
from lce_tf.training.job import train
from lce_tf.training.strategies import make_strategy

ROOT = Path(__file__).parents[2]

SCRIPT = """
import json, sys
from pathlib import Path
import numpy as np
from lce_tf.errors import UserError
from lce_tf.training.config import TrainConfig
from lce_tf.training.inputs import read_inputs
from lce_tf.training.job import Job, train
from lce_tf.training.strategies import make_strategy
from lce_tf.training.workers import Workers

settings, folder = json.loads(sys.argv[1]), Path(sys.argv[2])
found = {}
config = TrainConfig(**settings)
train(config, folder / "two")

for name, changes in {"uneven": {"batch": 5}, "many": {"devices": 3}, "one": {"strategy": "one_device"}}.items():
    try:
        train(TrainConfig(**{**settings, **changes}), folder / name)
    except UserError as error:
        found[name] = [str(error), (folder / name).exists()]

half = TrainConfig(**{**settings, "precision": "mixed_float16"})
job = Job(half, read_inputs(config), folder / "half", Workers(make_strategy("mirrored", 2)))
found["precision"] = [job.model.precision.name, job.strategy.num_replicas_in_sync]
feed = job._feed(0)
weights = lambda: [v.numpy() for v in job.model.trainable_variables]
scale = job.optimizer._loss_scale
found["losses"] = []
for _ in range(2):
    found["losses"].append(float(job.take_step(feed).loss))
scale.current_loss_scale.assign(2.0**100)
before, taken = weights(), int(job.optimizer.iterations.numpy())
loss, norm, *_ = job.take_step(feed)
found["overflow"] = {
    "scale": float(job.optimizer.loss_scale) / 2.0**100,
    "loss": float(loss),
    "norm": str(float(norm)),
    "same": all(np.array_equal(a, b) for a, b in zip(before, weights())),
    "iterations": int(job.optimizer.iterations.numpy()) - taken,
}
try:
    make_strategy("tpu")
except UserError as error:
    found["tpu"] = str(error)
(folder / "found.json").write_text(json.dumps(found))
"""


def figures(folder, name):
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [row[name] for row in rows if name in row]


@pytest.fixture(scope="module")
def two(files, tmp_path_factory):
    """What the script found, the folder it trained, and the same training on one device."""
    folder = tmp_path_factory.mktemp("two")
    config = files.config(log_every=1, steps=5, batch=6, group=3, warmup=0.0)
    one = train(config, folder / "one_device")
    settings = json.dumps({**asdict(config), "devices": 2})
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, settings, str(folder)], capture_output=True, text=True, timeout=300, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((folder / "found.json").read_text()), one, folder / "two"


@pytest.mark.slow
def test_two_devices_give_the_losses_and_weights_of_one(two):
    from safetensors.numpy import load_file

    _, one, both = two
    np.testing.assert_allclose(figures(both, "loss"), figures(one, "loss"), rtol=1e-5)
    np.testing.assert_allclose(figures(both, "gradient_norm"), figures(one, "gradient_norm"), rtol=1e-4)
    weights, expected = (load_file(folder / "model.safetensors") for folder in (both, one))
    assert weights.keys() == expected.keys()
    for name, array in expected.items():
        if name.endswith(("key.bias", "head.bias")):
            continue  # softmax, of the attention or of the loss, is blind to it: its gradient is nothing but rounding
        # Sums in another order; Adam blows the noise of a gradient near 0 up to a part of the rate, 1e-3.
        assert np.median(np.abs(weights[name] - array)) <= 1e-5, name
        np.testing.assert_allclose(weights[name], array, atol=1e-3, err_msg=name)
    assert json.loads((both / "manifest.json").read_text())["replicas"] == 2


@pytest.mark.slow
def test_mixed_float16_trains_on_two_devices(two):
    found = two[0]
    assert found["precision"] == ["mixed_float16", 2]
    assert np.isfinite(found["losses"]).all()
    # Float16 has 11 bits; the first loss is that of the float32 run.
    assert found["losses"][0] == pytest.approx(figures(two[1], "loss")[0], rel=2e-2)


@pytest.mark.slow
def test_an_overflow_halves_the_scale_and_leaves_the_weights(two):
    overflow = two[0]["overflow"]
    assert overflow["scale"] == 0.5 and overflow["same"]
    assert overflow["iterations"] == 1  # a skipped step counts, as in Keras, so that the schedule goes by steps taken
    assert np.isfinite(overflow["loss"]) and overflow["norm"] in ("inf", "nan")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("uneven", "--batch 5: is not a multiple of the 2 replicas"),
        ("many", "--devices 3: TensorFlow already runs with 2 CPU devices"),
        ("one", "--devices 2: --strategy one_device takes one"),
    ],
)
def test_what_does_not_fit_is_refused_and_leaves_no_folder(two, name, message):
    text, exists = two[0][name]
    assert message in text and "\n" not in text and not exists


@pytest.mark.slow
def test_no_tpu_is_one_line(two):
    assert two[0]["tpu"].startswith("--strategy tpu: no TPU answers") and "\n" not in two[0]["tpu"]


# A name that does not resolve is an OSError of urllib's.
@pytest.mark.parametrize("error", [ValueError, URLError])
def test_a_tpu_by_name(files, tmp_path, monkeypatch, error):
    from official.common import distribute_utils

    def refused(name, **settings):
        raise error(f"{name} {settings}")

    monkeypatch.setattr(distribute_utils, "get_distribution_strategy", refused)
    with pytest.raises(UserError, match="no TPU answers .*tpu {'tpu_address': 'node-1'}"):
        train(files.config(strategy="tpu", tpu="node-1"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_more_devices_than_a_running_tensorflow_has(files):
    import tensorflow as tf

    tf.zeros(1).numpy()
    with pytest.raises(UserError, match="--devices 7: TensorFlow already runs with 1 CPU devices"):
        make_strategy("mirrored", 7)


def test_one_device():
    assert make_strategy("one_device").num_replicas_in_sync == 1
    assert make_strategy("mirrored").num_replicas_in_sync == 1
