"""Detects changes of files while a library reads them, since the bytes that it reads cannot be hashed."""

from collections.abc import Iterable
from pathlib import Path

from lce_tf.errors import UserError


class Watched:
    """Records the state of the files at `paths`; a file that is missing now must stay missing."""

    def __init__(self, paths: Iterable[Path]):
        self._states = {path: _state(path) for path in paths}

    def check(self) -> None:
        """Checks that no file has changed; call it after reading the files and computing all that is recorded of them.

        Raises:
            UserError: a file has changed since this object was made, so the record may not describe what was read.
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
