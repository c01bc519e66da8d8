"""What a command took of the machine, for its last line."""

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
