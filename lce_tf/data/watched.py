"""Files that libraries read for us, in ways that cannot be followed: whether they stayed as they were."""

from collections.abc import Iterable
from pathlib import Path

from lce_tf.errors import UserError


class Watched:
    """The files at `paths` as they are now; those that are not there must not come into being either."""

    def __init__(self, paths: Iterable[Path]):
        self._states = {path: _state(path) for path in paths}

    def check(self) -> None:
        """Call once the files are read, and whatever is recorded about them is known.

        Raises:
            UserError: one of them has changed since, so that what was read need not be what is recorded.
        """
        for path, state in self._states.items():
            if _state(path) != state:
                raise UserError(f"{path}: changed while it was read; try again once it is complete")


def _state(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino
