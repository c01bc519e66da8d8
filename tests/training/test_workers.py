"""What workers agree on; here two threads whose sums are those of a real cluster."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from lce_tf.errors import LostWorker, UserError
from lce_tf.foundation.exits import guarded
from lce_tf.training import checkpoints
from lce_tf.training.checkpoints import Checkpoints
from lce_tf.training.workers import Workers


class Meeting:
    """A strategy's `reduce` for a number of threads, each of which waits for the others."""

    def __init__(self, count):
        self.values, self.barrier = [], threading.Barrier(count, timeout=60)

    def reduce(self, kind, value, axis):
        assert (kind, axis) == ("SUM", None)
        self.values.append(int(value))
        self.barrier.wait()
        total = sum(self.values)
        if self.barrier.wait() == 0:
            self.values.clear()
        self.barrier.wait()
        return total


def test_all_train_in_the_precision_in_which_the_first_began(files, tmp_path, monkeypatch):
    from lce_tf.training import plan

    monkeypatch.setattr(plan, "device_kind", lambda: "gpu")
    (tmp_path / "chief").mkdir()
    (tmp_path / "chief" / "manifest.json").write_text('{"precision": "mixed_bfloat16"}')
    config = files.config(precision="auto")
    found = on_each(lambda one: plan.precision_of(config, tmp_path / ("chief" if one.chief else "other"), one))
    assert [precision.name for precision in found] == ["mixed_bfloat16", "mixed_bfloat16"]


def on_each(act, count=2):
    """What `act(workers)` returned, or raised, on each of the workers."""
    meeting = Meeting(count)

    def worker(number):
        workers = Workers(meeting)
        workers.count, workers.number, workers.chief = count, number, number == 0
        try:
            return act(workers)
        except (UserError, OSError) as error:
            return str(error)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(worker, range(count)))


def test_sums_and_the_chief_s_word():
    assert on_each(lambda workers: workers.total(workers.number + 1), count=3) == [6, 6, 6]
    assert on_each(lambda workers: workers.from_chief(workers.number + 7), count=3) == [7, 7, 7]


def test_alone_there_is_nobody_to_ask():
    import tensorflow as tf

    workers = Workers(tf.distribute.OneDeviceStrategy("CPU:0"))
    assert (workers.count, workers.number, workers.chief) == (1, 0, True)
    assert workers.total(5) == workers.from_chief(5) == 5 and workers.everywhere(lambda: "x") == "x"
    workers.same("word", "a")
    with pytest.raises(UserError, match="^mine$"):
        workers.by_chief(fails)


def fails():
    raise UserError("mine")


def test_what_one_finds_wrong_ends_all():
    found = on_each(lambda workers: workers.everywhere(fails if workers.number == 1 else list), count=3)
    assert found[1] == "mine" and found[0] == found[2] == "1 of 3 workers cannot go on; their own output says why"

    def unwritable():
        raise PermissionError(13, "no", "there")

    found = on_each(lambda workers: workers.by_chief(unwritable))
    assert "there" in found[0] and found[1].startswith("1 of 2 workers cannot go on")


def test_the_chief_does_it_alone_or_first():
    done = []
    on_each(lambda workers: workers.by_chief(lambda: done.append(workers.number)), count=3)
    assert done == [0]
    found = on_each(lambda workers: workers.chief_first(lambda: (done.append(workers.number), workers.number)[1]))
    assert done == [0, 0, 1] and found == [0, 1]


def test_other_settings_are_refused_by_all():
    assert on_each(lambda workers: workers.same("settings", "a")) == [None, None]
    found = on_each(lambda workers: workers.same("settings", "ab"[workers.number]))
    assert found == ["1 of 2 workers have other settings; start all with the same command"] * 2


def test_a_lost_worker_is_one_line_and_exit_status_75(capsys):
    import tensorflow as tf

    def interrupted(count):
        workers = Workers(tf.distribute.OneDeviceStrategy("CPU:0"))
        workers.count = count
        with workers.needed():
            raise tf.errors.UnavailableError(None, None, "Socket closed\nand more")

    with pytest.raises(LostWorker):
        interrupted(2)
    assert guarded(interrupted, 2) == 75
    error = capsys.readouterr().err
    assert error.startswith("error: worker 0 of 2: another one is gone") and error.count("\n") == 1
    with pytest.raises(tf.errors.UnavailableError):
        interrupted(1)  # nobody to lose


def saved(folder, step):
    """A checkpoint that a process of its own wrote."""
    import tensorflow as tf

    alone = Workers(tf.distribute.OneDeviceStrategy("CPU:0"))
    Checkpoints(folder, {"step": tf.Variable(step)}, alone).save(step)


def test_all_take_up_what_the_chief_takes_up(tmp_path):
    import tensorflow as tf

    for step in (2, 4):
        saved(tmp_path, step)
    (tmp_path / "checkpoints" / "ckpt-4.index").write_bytes(b"torn")

    def restored(workers):
        step = tf.Variable(0)
        Checkpoints(tmp_path, {"step": step}, workers).restore()
        return int(step)

    assert on_each(restored) == [2, 2]


def test_folders_that_are_not_shared_are_refused_by_all(tmp_path, monkeypatch):
    import tensorflow as tf

    monkeypatch.setattr(checkpoints, "APPEARS", 0.0)
    saved(tmp_path / "0", 2)

    def restored(workers):
        step = tf.Variable(0)
        Checkpoints(tmp_path / str(workers.number), {"step": step}, workers).restore()
        return int(step)

    first, second = on_each(restored)
    assert first == "1 of 2 workers cannot go on; their own output says why"
    assert "worker 1 cannot read the checkpoint of worker 0" in second and "all workers share" in second
    assert "\n" not in second


def test_the_chief_alone_saves(tmp_path):
    import tensorflow as tf

    on_each(lambda workers: Checkpoints(tmp_path / str(workers.number), {"step": tf.Variable(3)}, workers).save(3))
    assert (tmp_path / "0" / "checkpoints" / "ckpt-3.index").is_file() and not (tmp_path / "1").exists()
