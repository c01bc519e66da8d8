"""The products of tables, several made at once: each in a process of its own, on cores of its own."""

import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
from collections import deque
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import NamedTuple

from lce_tf.arguments import quiet_tensorflow
from lce_tf.errors import UserError, guarded
from lce_tf.footprint import Footprint
from lce_tf.paper.rows import Table
from lce_tf.replication.plan import make_plan
from lce_tf.replication.presets import Preset
from lce_tf.replication.products import Products
from lce_tf.replication.remaining import remaining
from lce_tf.replication.replicate import found_first
from lce_tf.replication.stages import TOKENS, Item, stages
from lce_tf.xla import DRIVER

# What a training or reranking of a small model holds; with less memory for each, fewer run at once.
BYTES_EACH = 3 << 30
_PR_SET_PDEATHSIG = 1  # of Linux's prctl


class Work(NamedTuple):
    """What all items have in common; see `make_at_once`."""

    tables: tuple[Table, ...]
    preset: Preset
    folder: Path
    seeds: tuple[int, ...]


def jobs_here(preset: Preset) -> int:
    """How many items to make at once on this machine: one for each core, if there is memory for that.

    A small model trains faster so, since a core that works alone waits for none. One where there is a GPU, whose memory
    a training takes whole, or where the preset names devices.
    """
    training = preset.training
    if training.strategy != "mirrored" or training.devices or any(file.exists() for file in DRIVER):
        return 1
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(1, min(len(_cores()), memory // BYTES_EACH))


def make_at_once(work: Work, jobs: int, footprint: Footprint) -> None:
    """Makes what the tables are printed from: retrieval item by item, then `jobs` trainings or rerankings at once.

    Every item has its share of the cores, and its lines are printed behind its name. The longest trainings come first.
    Interrupted, all items save what they have and end; the same call goes on from there.

    Args:
        footprint: is told of the items' processes.

    Raises:
        UserError: an item failed; those beside it were finished first.
    """
    for table in work.tables:
        found_first(work.preset.measuring(table), Products(work.preset, work.folder))
    plan = stages(work.tables, work.preset, work.seeds)
    for stage, at_once in (("retrieve", 1), ("train", jobs), ("rerank", jobs)):
        left = _left(work, stage)
        items = [(index, item) for index, item in enumerate(plan[stage]) if _lacks(item, left)]
        _Pool(work, stage, sorted(items, key=lambda numbered: -numbered[1].pairs), at_once, footprint).run()


def _left(work: Work, stage: str) -> list[str]:
    """The names of the products of a stage that are still to be made."""
    plan = make_plan(work.tables, work.preset, work.folder, work.seeds)
    return [task.name for task in plan.tasks if task.stage == stage and not task.there]


def _lacks(item: Item, left: Sequence[str]) -> bool:
    """Whether some of what the item makes is in `left`; token stores are no products, and made where others are."""
    names = left if item.name == TOKENS else [name for name in left if f"{name}.".startswith(f"{item.name}.")]
    return bool(names)


class _Running(NamedTuple):
    name: str
    process: multiprocessing.process.BaseProcess
    said: Connection
    cores: list[int]
    rest: bytearray


class _Pool:
    """The items of a stage, some of them running."""

    def __init__(self, work: Work, stage: str, items: Sequence[tuple[int, Item]], jobs: int, footprint: Footprint):
        self.work, self.stage, self.jobs, self.footprint = work, stage, jobs, footprint
        self.waiting, self.running, self.fault = deque(items), [], None
        cores, places = _cores(), max(1, min(jobs, len(items)))
        self.free = [cores[place::places] or cores for place in range(places)]

    def run(self) -> None:
        """Until all items are made."""
        try:
            while self.running or (self.waiting and not self.fault):
                while self.free and self.waiting and not self.fault:
                    self._start(*self.waiting.popleft())
                for said in wait([one.said for one in self.running], timeout=1):
                    self._hear(next(one for one in self.running if one.said is said))
                self.footprint.look([one.process.pid for one in self.running])
        finally:
            for one in self.running:
                one.process.terminate()  # a training saves its last step, and says so
            while self.running:
                self._hear(self.running[0])
        if self.fault:
            raise UserError(self.fault)

    def _start(self, index: int, item: Item) -> None:
        context = multiprocessing.get_context("spawn")  # TensorFlow and the JVM cannot be forked
        said, says = context.Pipe(duplex=False)
        cores = self.free.pop()
        arguments = (self.work, self.stage, index, cores, says)
        process = context.Process(target=_make, args=arguments, name=item.name, daemon=True)
        process.start()
        says.close()
        self.running.append(_Running(item.name, process, said, cores, bytearray()))

    def _hear(self, one: _Running) -> None:
        """Prints what a process has said, whole lines behind its name; takes it from the list at its end."""
        chunk = os.read(one.said.fileno(), 1 << 16)
        one.rest.extend(chunk or (b"\n" if one.rest else b""))
        *lines, rest = one.rest.decode(errors="replace").split("\n")
        one.rest[:] = rest.encode()
        for line in lines:
            if line.startswith("error: "):
                self.fault = line.removeprefix("error: ")  # said again, by the command itself, when all have ended
            else:
                print(f"{one.name}: {line}", flush=True)
        if not chunk:
            one.process.join()
            self._ended(one)

    def _ended(self, one: _Running) -> None:
        self.running.remove(one)
        self.free.append(one.cores)
        status = one.process.exitcode
        if status and not self.fault:
            how = f"signal {-status}" if status < 0 else f"status {status}"
            self.fault = (
                f"{one.name}: its process ended with {how}; the same command goes on from there, where memory is short "
                "with --jobs 1"
            )
        elif not status:
            plan = make_plan(self.work.tables, self.work.preset, self.work.folder, self.work.seeds)
            print(remaining(plan, self.work.folder, self.jobs), flush=True)


def _make(work: Work, stage: str, index: int, cores: list[int], says: Connection) -> None:
    """Makes one item in this process, started for that; all that is printed goes to `says`."""
    for number in (sys.stdout.fileno(), sys.stderr.fileno()):
        os.dup2(says.fileno(), number)
    says.close()
    os.setpgid(0, 0)  # Ctrl-C is for the command, which ends its items
    with contextlib.suppress(OSError, AttributeError):  # as on macOS, where an item outlives a command that was killed
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)
    quiet_tensorflow()
    sys.exit(guarded(_run, stages(work.tables, work.preset, work.seeds)[stage][index], work.folder))


def _run(item: Item, folder: Path) -> None:
    item.run(folder)


def _cores() -> list[int]:
    """The numbers of the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))
