"""Runs several tasks at once, each in its own process and on its share of the CPU cores."""

import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple

from lce_tf.errors import LostWorker, UserError
from lce_tf.foundation.arguments import quiet_tensorflow
from lce_tf.foundation.exits import TRY_AGAIN, guarded
from lce_tf.foundation.footprint import Footprint, machine_bytes
from lce_tf.foundation.xla import DRIVER

# Bytes of memory that a training or reranking of a small model needs; limits how many run at once.
BYTES_EACH = 3 << 30
JOBS_HELP = (
    "trainings and rerankings at once, each on its share of the cores (default: one for each core, as memory allows; "
    "1 where there is a GPU)"
)
# Environment variable of a task's process: how many tasks run at once and share the machine's memory.
_AT_ONCE = "LCE_TASKS_AT_ONCE"
_PR_SET_PDEATHSIG = 1  # Linux prctl option: signal this process when its parent dies


class Task(NamedTuple):
    """A task: its name, the function that it runs and the arguments; all are pickled for the task's process."""

    name: str
    run: Callable[..., Any]
    arguments: tuple[Any, ...]


def jobs_here() -> int:
    """Number of trainings or rerankings to run at once on this machine: one per core, as far as memory allows.

    Several small models on one core each train faster than one after the other on all cores, because the cores then
    do not wait for each other. With an NVIDIA GPU the number is 1, because a training takes all of the GPU's memory.
    """
    if any(file.exists() for file in DRIVER):
        return 1
    return max(1, min(len(_cores()), machine_bytes() // BYTES_EACH))


def beside_each_other() -> int:
    """Number of tasks that run at once, including this one; 1 if this process is not a task of `run_at_once`."""
    return int(os.environ.get(_AT_ONCE, "1"))


def run_at_once(
    tasks: Sequence[Task], jobs: int, footprint: Footprint | None = None, told: Callable[[], str] | None = None
) -> None:
    """Runs the tasks, at most `jobs` at once, and starts them in the order given.

    Each task runs on its share of the cores, and each line that it prints is preceded by its name. On Ctrl-C or SIGTERM
    the running tasks receive SIGTERM and are waited for; a training then saves its current step.

    Args:
        footprint: measures the memory of the tasks' processes.
        told: called after each task that succeeds; returns a line to print.

    Raises:
        KeyboardInterrupt: Ctrl-C or SIGTERM.
        UserError: a task failed. No more were started, and the tasks running at the time were finished first.
        LostWorker: the same, of a task that failed by a LostWorker, so that the command may be repeated as it is.
    """
    pool = _Pool(tasks, jobs, footprint or Footprint(), told)
    if threading.current_thread() is not threading.main_thread():  # where Python allows no handlers
        return pool.run()
    # Where this process is a container's first, all others end with it.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        pool.run()
    finally:
        signal.signal(signal.SIGTERM, before)


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
        self.raised = UserError
        self.footprint, self.told = footprint, told
        cores, self.slots = _cores(), max(1, min(jobs, len(tasks)))
        self.free = [cores[slot :: self.slots] or cores for slot in range(self.slots)]

    def run(self) -> None:
        """Runs until all tasks have ended; after one has failed, starts no more."""
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
            raise self.raised(self.fault)

    def _start(self, task: Task) -> None:
        # One heap for all threads of a task. Each thread would keep what it freed for itself: 0.3 GB in a training.
        os.environ.setdefault("MALLOC_ARENA_MAX", "1")
        context = multiprocessing.get_context("spawn")  # TensorFlow and the JVM cannot be forked
        said, says = context.Pipe(duplex=False)
        cores = self.free.pop()
        process = context.Process(target=_alone, args=(task, cores, self.slots, says), name=task.name, daemon=True)
        process.start()
        says.close()
        self.running.append(_Running(task.name, process, said, cores, bytearray(), []))

    def _hear(self, one: _Running) -> None:
        """Prints the complete lines that a process has written, after its name; removes a process that has ended."""
        chunk = os.read(one.said.fileno(), 1 << 16)
        one.rest.extend(chunk or (b"\n" if one.rest else b""))
        *lines, rest = one.rest.split(b"\n")
        one.rest[:] = rest
        for line in (line.decode(errors="replace") for line in lines):
            if line.startswith("error: "):
                one.faults.append(line.removeprefix("error: "))  # `run` raises it at the end
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
        if not self.fault and status == TRY_AGAIN:
            self.raised = LostWorker
        how = f"signal {-status}" if status < 0 else f"status {status}"
        ended = f"{one.name}: its process ended with {how}; the same command goes on from there, where memory is short "
        self.fault = self.fault or (one.faults[-1] if one.faults else f"{ended}with --jobs 1")


def _alone(task: Task, cores: list[int], slots: int, says: Connection) -> None:
    """Main function of a task's process: runs the task with stdout and stderr redirected to `says`."""
    for number in (sys.stdout.fileno(), sys.stderr.fileno()):
        os.dup2(says.fileno(), number)
    says.close()
    os.setpgid(0, 0)  # Ctrl-C must reach only the command, which ends its tasks
    with contextlib.suppress(OSError, AttributeError):  # without prctl (macOS) a task outlives a killed command
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)
    os.environ[_AT_ONCE] = str(slots)
    quiet_tensorflow()
    sys.exit(guarded(_silent, task))


def _silent(task: Task) -> None:
    task.run(*task.arguments)  # the result is dropped: `guarded` would return it as the exit status


def _cores() -> list[int]:
    """The numbers of the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))
