"""What a command took of the machine, for its last line, and memory given back on the way."""

import contextlib
import ctypes
import gc
import resource
import sys
import time


class Footprint:
    """Wall time since it was made, and the most memory that this process held, or one of those that it started."""

    def __init__(self):
        self._began = time.monotonic()

    @property
    def peak_bytes(self) -> int:
        """The largest resident set so far, mapped files included."""
        kinds = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
        unit = 1 if sys.platform == "darwin" else 1024
        return max(resource.getrusage(kind).ru_maxrss for kind in kinds) * unit

    def __str__(self) -> str:
        minutes, seconds = divmod(round(time.monotonic() - self._began), 60)
        return f"{minutes} min {seconds} s, {self.peak_bytes / 1e9:.1f} GB of memory at most"


def give_back() -> None:
    """Gives what this process has freed back to the system, which the C library keeps for later: gigabytes, in a
    process that trains one model after the other."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # a C library other than glibc
        ctypes.CDLL(None).malloc_trim(0)
