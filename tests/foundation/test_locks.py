"""Locks: a second process is refused while the first one lives, and only then."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lce_tf.errors import UserError
from lce_tf.foundation import locks
from lce_tf.foundation.locks import alone

ROOT = Path(__file__).parents[2]
HOLDER = """
import sys, time
from lce_tf.foundation.locks import alone
with alone(sys.argv[1]):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path):
    """A process that holds the lock on `tmp_path / "out"`."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "out")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_another_process_is_refused_by_one_line_that_names_the_first(holder, tmp_path):
    with pytest.raises(UserError, match=f"out: process {holder.pid} on .* is writing it; wait") as caught:
        with alone(tmp_path / "out"):
            pytest.fail("two at once")
    assert "\n" not in str(caught.value)
    with alone(tmp_path / "other"):
        pass


def test_a_killed_process_holds_nothing(holder, tmp_path):
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert (tmp_path / ".out.lock").exists()
    with alone(tmp_path / "out"):
        assert (tmp_path / ".out.lock").read_text().startswith(f"process {os.getpid()} on ")
    assert not list(tmp_path.iterdir())


def test_a_lock_file_that_was_replaced_meanwhile_is_not_taken_for_ours(tmp_path, monkeypatch):
    """The first holder ends and removes its file between our opening and our locking it."""
    path, flock, calls = tmp_path / ".out.lock", locks.fcntl.flock, []

    def late(handle, how):
        if not calls:
            path.unlink()
        calls.append(handle)
        flock(handle, how)

    monkeypatch.setattr(locks.fcntl, "flock", late)
    with alone(tmp_path / "out"):
        assert len(calls) == 2 and path.exists()


def test_a_file_system_without_locks_gets_none(tmp_path, monkeypatch):
    def unsupported(handle, how):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(locks.fcntl, "flock", unsupported)
    entered = []
    with alone(tmp_path / "out"), alone(tmp_path / "out"):
        entered.append(True)
    assert entered and not list(tmp_path.iterdir())


def test_a_block_that_fails_lets_go(tmp_path):
    with pytest.raises(ZeroDivisionError):
        with alone(tmp_path / "out"):
            raise ZeroDivisionError
    with alone(tmp_path / "out"):
        pass
