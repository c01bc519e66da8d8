"""Checkpoints that are damaged: the one before is restored, whatever the damage."""

import pytest
import tensorflow as tf

from lce_tf.training.checkpoints import Checkpoints
from lce_tf.training.workers import Workers

DATA = "data-00000-of-00001"


def restored(folder):
    """The step of the checkpoint that a fresh process takes up, 0 for none."""
    step = tf.Variable(0)
    Checkpoints(folder, {"step": step}, Workers(tf.distribute.OneDeviceStrategy("CPU:0"))).restore()
    return int(step)


@pytest.fixture
def saved(tmp_path):
    """A training's folder with the checkpoints of steps 2 and 4."""
    for number in (2, 4):
        parts = {"step": tf.Variable(number), "weights": tf.Variable(tf.ones([100]))}
        Checkpoints(tmp_path, parts, Workers(tf.distribute.OneDeviceStrategy("CPU:0"))).save(number)
    return tmp_path


def half(content):
    return content[: len(content) // 2]


def flipped(content):
    at = len(content) // 2
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


@pytest.mark.parametrize("damage", [half, flipped])
@pytest.mark.parametrize("file", [DATA, "index"])
def test_a_damaged_newest_one_falls_back_to_the_one_before(saved, capsys, file, damage):
    path = saved / "checkpoints" / f"ckpt-4.{file}"
    path.write_bytes(damage(path.read_bytes()))
    assert restored(saved) == 2
    said = capsys.readouterr().out
    assert "ckpt-4: the checkpoint is torn" in said and "resumes from step 2 (ckpt-2)" in said


def test_none_is_whole(saved, capsys):
    for number, file in ((2, DATA), (4, "index")):
        (saved / "checkpoints" / f"ckpt-{number}.{file}").write_bytes(b"")
    assert restored(saved) == 0
    assert "none of its checkpoints is whole; training starts afresh" in capsys.readouterr().out
