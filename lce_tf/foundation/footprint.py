"""What a command took of the machine, for its last line, and memory given back on the way."""

import contextlib
import ctypes
import gc
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path

LOOK_EVERY = 5.0  # seconds


class Footprint:
    """Wall time since it was made, and the most memory that this process held, or those that it started."""

    def __init__(self):
        self._began, self._seen, self._looked = time.monotonic(), 0, -LOOK_EVERY

    @property
    def peak_bytes(self) -> int:
        """The largest resident set so far of one process, or, where `look` found more, of several together.

        Mapped files are included.
        """
        kinds = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
        unit = 1 if sys.platform == "darwin" else 1024
        return max(self._seen, *(resource.getrusage(kind).ru_maxrss * unit for kind in kinds))

    def look(self, pids: Sequence[int]) -> None:
        """Notes what this process and these hold together at the moment; what they share is counted once.

        Called more often than every `LOOK_EVERY` seconds it does nothing, as looking takes some hundredths of one.
        """
        if time.monotonic() - self._looked < LOOK_EVERY:
            return
        self._looked = time.monotonic()
        files = [Path(f"/proc/{pid}/smaps_rollup") for pid in ("self", *pids)]
        with contextlib.suppress(OSError):  # one that has just ended, or no Linux
            self._seen = max(self._seen, sum(_proportional(file.read_text()) for file in files))

    def __str__(self) -> str:
        minutes, seconds = divmod(round(time.monotonic() - self._began), 60)
        return f"{minutes} min {seconds} s, {self.peak_bytes / 1e9:.1f} GB of memory at most"


def _proportional(rollup: str) -> int:
    """Bytes of the proportional set size that a `smaps_rollup` of Linux states."""
    return next(int(line.split()[1]) << 10 for line in rollup.splitlines() if line.startswith("Pss:"))


def give_back() -> None:
    """Gives what this process has freed back to the system, which the C library keeps for later: gigabytes, in a
    process that trains one model after the other."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # a C library other than glibc
        ctypes.CDLL(None).malloc_trim(0)
