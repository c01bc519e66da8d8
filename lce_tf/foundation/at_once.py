"""Several pieces of work at once, each in a process of its own and on cores of its own."""

import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple

from lce_tf.errors import UserError
from lce_tf.foundation.arguments import quiet_tensorflow
from lce_tf.foundation.exits import guarded
from lce_tf.foundation.footprint import Footprint
from lce_tf.foundation.xla import DRIVER

# What a training or reranking of a small model holds; with less memory for each, fewer run at once.
BYTES_EACH = 3 << 30
JOBS_HELP = (
    "trainings and rerankings at once, each on its share of the cores (default: one for each core, as memory allows; "
    "1 where there is a GPU)"
)
# In a task's environment: how many run at once, which share the machine's memory.
_AT_ONCE = "LCE_TASKS_AT_ONCE"
_PR_SET_PDEATHSIG = 1  # of Linux's prctl


class Task(NamedTuple):
    """A piece of work: its name, a function of some module, and what that is called with."""

    name: str
    run: Callable[..., Any]
    arguments: tuple[Any, ...]


def jobs_here() -> int:
    """How many trainings or rerankings to run at once here: one for each core, if there is memory for that.

    A small model trains faster so, since a core that works alone waits for no other. One where there is a GPU, whose
    memory a training takes whole.
    """
    if any(file.exists() for file in DRIVER):
        return 1
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(1, min(len(_cores()), memory // BYTES_EACH))


def beside_each_other() -> int:
    """Number of tasks that run at once, this process among them; 1 where this process is no task."""
    return int(os.environ.get(_AT_ONCE, "1"))


def run_at_once(
    tasks: Sequence[Task], jobs: int, footprint: Footprint | None = None, told: Callable[[], str] | None = None
) -> None:
    """Runs the tasks, `jobs` at once, in the order given.

    Every task has its share of the cores, and its lines are printed with its name before them. On Ctrl-C the running
    tasks get SIGTERM, on which a training saves its last step, and are waited for.

    Args:
        footprint: measures the memory of the tasks' processes.
        told: returns a line to print whenever a task has ended well.

    Raises:
        UserError: a task failed. No more were started, and the tasks running at the time were finished first.
    """
    _Pool(tasks, jobs, footprint or Footprint(), told).run()


class _Running(NamedTuple):
    name: str
    process: multiprocessing.process.BaseProcess
    said: Connection
    cores: list[int]
    rest: bytearray
    faults: list[str]


class _Pool:
    def __init__(self, tasks: Sequence[Task], jobs: int, footprint: Footprint, told: Callable[[], str] | None):
        self.waiting, self.running, self.fault = deque(tasks), [], None
        self.footprint, self.told = footprint, told
        cores, self.places = _cores(), max(1, min(jobs, len(tasks)))
        self.free = [cores[place :: self.places] or cores for place in range(self.places)]

    def run(self) -> None:
        """Until all tasks are done."""
        try:
            while self.running or (self.waiting and not self.fault):
                while self.free and self.waiting and not self.fault:
                    self._start(self.waiting.popleft())
                for said in wait([one.said for one in self.running], timeout=1):
                    self._hear(next(one for one in self.running if one.said is said))
                self.footprint.look([one.process.pid for one in self.running])
        finally:
            for one in self.running:
                one.process.terminate()
            while self.running:
                self._hear(self.running[0])
        if self.fault:
            raise UserError(self.fault)

    def _start(self, task: Task) -> None:
        context = multiprocessing.get_context("spawn")  # TensorFlow and the JVM cannot be forked
        said, says = context.Pipe(duplex=False)
        cores = self.free.pop()
        process = context.Process(target=_alone, args=(task, cores, self.places, says), name=task.name, daemon=True)
        process.start()
        says.close()
        self.running.append(_Running(task.name, process, said, cores, bytearray(), []))

    def _hear(self, one: _Running) -> None:
        """Prints the whole lines that a process has written, its name before each; drops a process that has ended."""
        chunk = os.read(one.said.fileno(), 1 << 16)
        one.rest.extend(chunk or (b"\n" if one.rest else b""))
        *lines, rest = one.rest.split(b"\n")
        one.rest[:] = rest
        for line in (line.decode(errors="replace") for line in lines):
            if line.startswith("error: "):
                one.faults.append(line.removeprefix("error: "))  # the command prints it when all have ended
            else:
                print(f"{one.name}: {line}", flush=True)
        if not chunk:
            one.process.join()
            self._ended(one)

    def _ended(self, one: _Running) -> None:
        self.running.remove(one)
        self.free.append(one.cores)
        status = one.process.exitcode
        if not status:
            if self.told:
                print(self.told(), flush=True)
            return
        how = f"signal {-status}" if status < 0 else f"status {status}"
        ended = f"{one.name}: its process ended with {how}; the same command goes on from there, where memory is short "
        self.fault = self.fault or (one.faults[-1] if one.faults else f"{ended}with --jobs 1")


def _alone(task: Task, cores: list[int], places: int, says: Connection) -> None:
    """Runs the task in this process, started for that; all that is printed goes to `says`."""
    for number in (sys.stdout.fileno(), sys.stderr.fileno()):
        os.dup2(says.fileno(), number)
    says.close()
    os.setpgid(0, 0)  # Ctrl-C is for the command, which ends its tasks
    with contextlib.suppress(OSError, AttributeError):  # as on macOS, where a task outlives a command that was killed
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)
    os.environ[_AT_ONCE] = str(places)
    quiet_tensorflow()
    sys.exit(guarded(_silent, task))


def _silent(task: Task) -> None:
    task.run(*task.arguments)  # what it returns is no exit status


def _cores() -> list[int]:
    """The numbers of the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))
