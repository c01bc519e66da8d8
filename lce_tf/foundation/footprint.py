"""The memory of this machine, what a command takes of it, and its wall time; returns freed memory to the system."""

import contextlib
import ctypes
import gc
import os
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path

LOOK_EVERY = 5.0  # seconds


# Files with the memory limit of a container or of a batch job, in bytes: version 2 and version 1 of Linux's cgroups.
LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def machine_bytes() -> int:
    """Bytes of memory that this process may use: the machine's total, or its container's limit if that is lower."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 4 << 30
    for limit in LIMITS:
        with contextlib.suppress(OSError, ValueError):  # the file is absent, or holds the word "max"
            memory = min(memory, int(limit.read_text()))
    return memory


class Footprint:
    """Wall time since this object was made, and peak memory of this process and those that it started.

    `str()` gives both as one line for users.
    """

    def __init__(self):
        self._began, self._seen, self._looked = time.monotonic(), 0, -LOOK_EVERY

    @property
    def peak_bytes(self) -> int:
        """Peak memory so far: the largest resident set of a single process, or the largest sum that `look` measured.

        The greater of the two is returned. Single processes are this one and the ended ones that it started. Resident
        pages of memory-mapped files are included.
        """
        kinds = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
        unit = 1 if sys.platform == "darwin" else 1024
        return max(self._seen, *(resource.getrusage(kind).ru_maxrss * unit for kind in kinds))

    def look(self, pids: Sequence[int]) -> None:
        """Measures the memory that this process and the processes `pids` hold together; shared pages count once.

        Does nothing if the last measurement is less than `LOOK_EVERY` seconds old, because a measurement takes some
        hundredths of a second.
        """
        if time.monotonic() - self._looked < LOOK_EVERY:
            return
        self._looked = time.monotonic()
        files = [Path(f"/proc/{pid}/smaps_rollup") for pid in ("self", *pids)]
        with contextlib.suppress(OSError):  # a process has just ended, or the system is not Linux
            self._seen = max(self._seen, sum(_proportional(file.read_text()) for file in files))

    def __str__(self) -> str:
        minutes, seconds = divmod(round(time.monotonic() - self._began), 60)
        return f"{minutes} min {seconds} s, {self.peak_bytes / 1e9:.1f} GB of memory at most"


def _proportional(rollup: str) -> int:
    """The proportional set size in bytes, from the text of a `smaps_rollup` file of Linux."""
    return next(int(line.split()[1]) << 10 for line in rollup.splitlines() if line.startswith("Pss:"))


def give_back() -> None:
    """Deletes what is no longer referred to, and does what `trim` does.

    A process that trains several models in sequence would keep gigabytes.
    """
    gc.collect()
    trim()


def trim() -> None:
    """Returns the memory that this process has freed to the system; the C library would keep it for later."""
    with contextlib.suppress(OSError, AttributeError):  # a C library other than glibc
        ctypes.CDLL(None).malloc_trim(0)
