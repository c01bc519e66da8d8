"""Several pieces of work at once: cores, lines, failures, and what a signal leaves behind."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lce_tf.errors import LostWorker, UserError
from lce_tf.foundation import at_once
from lce_tf.foundation.at_once import Task, beside_each_other, jobs_here, run_at_once
from lce_tf.foundation.footprint import Footprint
from lce_tf.foundation.progress import Progress

ROOT = Path(__file__).parents[2]
# Two tasks that end on SIGTERM alone, each of which says in a file that it has begun.
ENDLESS = """
import signal
import sys
from lce_tf.foundation.at_once import Task, run_at_once
from lce_tf.foundation.exits import guarded
from tests.foundation.test_at_once import endless
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has it ignored in what runs behind it
sys.exit(guarded(run_at_once, [Task(name, endless, (sys.argv[1], name)) for name in "ab"], 2))
"""


def says_its_cores(file):
    print("cores", *sorted(os.sched_getaffinity(0)))
    print(beside_each_other(), "at once")
    print("and a line without an end", end="")
    Path(file).touch()


def fails(text):
    raise UserError(text)


def loses_a_worker():
    raise LostWorker("another worker ended")


def warns():
    print("error: is what a library calls it")


def dies():
    os.kill(os.getpid(), signal.SIGKILL)


def holds(size):
    kept = bytearray(size)
    for place in range(0, size, 4096):
        kept[place] = 1
    time.sleep(2)


def endless(folder, name):
    Progress("endless", None, "steps")
    (Path(folder) / name).touch()
    while True:
        time.sleep(1)


def test_each_has_its_own_cores_and_its_lines_its_name(tmp_path, capfd):
    mine = sorted(os.sched_getaffinity(0))
    run_at_once([Task(name, says_its_cores, (tmp_path / name,)) for name in "ab"], 2, told=lambda: "one has ended")
    lines = capfd.readouterr().out.splitlines()
    found = {line[0]: line.split()[2:] for line in lines if " cores " in line}
    shares = [mine[0::2], mine[1::2] or mine]
    assert sorted(found.values()) == sorted([str(core) for core in share] for share in shares)
    assert {f"{name}: and a line without an end" for name in "ab"} <= set(lines)
    assert lines.count("one has ended") == 2
    assert beside_each_other() == 1
    assert {f"{name}: 2 at once" for name in "ab"} <= set(lines)


def test_a_fault_is_raised_when_those_beside_it_have_ended(tmp_path, capfd):
    tasks = [Task("a", fails, ("a.txt: is wrong",)), Task("b", says_its_cores, (tmp_path / "b",))]
    tasks += [Task(name, says_its_cores, (tmp_path / name,)) for name in "cd"]
    with pytest.raises(UserError, match=r"^a\.txt: is wrong$"):
        run_at_once(tasks, 2)
    assert "error: " not in "".join(capfd.readouterr())
    assert (tmp_path / "b").exists() and not (tmp_path / "d").exists()


def test_a_line_about_an_error_is_none_where_the_task_ends_well(capfd):
    assert run_at_once([Task("a", warns, ())], 1) is None
    assert "error: " not in "".join(capfd.readouterr())


def test_a_process_that_died_is_named():
    with pytest.raises(UserError, match="^a: its process ended with signal 9; the same command .* with --jobs 1$"):
        run_at_once([Task("a", dies, ())], 1)


def test_memory_is_that_of_all_together(monkeypatch):
    monkeypatch.setattr("lce_tf.foundation.footprint.LOOK_EVERY", 0.5)
    footprint = Footprint()
    before, size = footprint.peak_bytes, 300_000_000
    run_at_once([Task(name, holds, (size,)) for name in "ab"], 2, footprint)
    assert footprint.peak_bytes > max(before, 2 * size)


def test_a_lost_worker_stays_one():
    """So that the command ends with status 75, by which a cluster repeats it."""
    with pytest.raises(LostWorker, match="^another worker ended$"):
        run_at_once([Task("a", loses_a_worker, ()), Task("b", fails, ("b.txt: is wrong",))], 1)
    with pytest.raises(UserError, match="^b.txt: is wrong$"):
        run_at_once([Task("b", fails, ("b.txt: is wrong",)), Task("a", loses_a_worker, ())], 1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_command_that_is_stopped_leaves_no_process_at_work(tmp_path, number):
    with subprocess.Popen(
        [sys.executable, "-c", ENDLESS, tmp_path], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as running:
        _until(lambda: len(list(tmp_path.iterdir())) == 2)
        children = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()
        running.send_signal(number)
        said, _ = running.communicate(timeout=60)
    assert len(children) >= 2
    if number == signal.SIGKILL:
        assert running.returncode == -signal.SIGKILL
    else:
        assert running.returncode == 130
        assert said == "interrupted; the same command continues from whatever was saved\n"
        assert sum(_works(pid) for pid in children) <= 1  # multiprocessing's own
    _until(lambda: not any(_works(pid) for pid in children))


def _until(true) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _works(pid: str) -> bool:
    try:
        return re.search(r"^State:\s+Z", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE) is None
    except FileNotFoundError:
        return False


def test_one_job_a_core_as_memory_allows(monkeypatch):
    sizes = {"SC_PHYS_PAGES": 1 << 22, "SC_PAGE_SIZE": 1 << 12}  # 16 GiB
    monkeypatch.setattr(at_once, "DRIVER", ())
    monkeypatch.setattr(at_once.os, "sysconf", sizes.__getitem__)
    monkeypatch.setattr(at_once, "_cores", lambda: [0, 1])
    assert jobs_here() == 2
    monkeypatch.setattr(at_once, "_cores", lambda: list(range(64)))
    assert jobs_here() == 5
    sizes["SC_PHYS_PAGES"] = 1 << 18
    assert jobs_here() == 1
    monkeypatch.setattr(at_once, "DRIVER", [Path("/")])
    assert jobs_here() == 1
