"""An input that is opened once, with the SHA-256 of exactly the bytes that were read."""

import hashlib
import os
import stat
import tempfile
from pathlib import Path
from typing import BinaryIO

from lce_tf.errors import UserError
from lce_tf.foundation.files import scratch_place

_IN_MEMORY = 16 << 20  # bytes of a pipe kept in memory; beyond that they go to a temporary file
_COPY = 1 << 20


class Source:
    """A file or pipe that can be read from its beginning several times through one open file.

    If the file is replaced meanwhile, every reading still sees the file that was opened. A pipe can be read only once,
    so its bytes are first copied to a temporary file.

    Attributes:
        path: the path as given by the user.
        position: bytes read since `rewind`.
        sha256: of the bytes from `rewind` to the end, as 64 hexadecimal digits; None until the end is reached.
        state: size, times and inode, of which at least one changes with the contents; None for a pipe.

    Raises:
        UserError: no such file, a folder, a device, or a file that cannot be opened.
    """

    def __init__(self, path: str | Path):
        self.path = path
        self._file = _opened(path)
        found = os.fstat(self._file.fileno())
        self.state: list[int] | None = None
        if stat.S_ISREG(found.st_mode):
            self.state = [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]
        elif stat.S_ISFIFO(found.st_mode) or stat.S_ISSOCK(found.st_mode) or self._file.isatty():
            self._file = _copied(self._file)
        else:
            self._file.close()
            raise UserError(f"{path}: is a device; name a file or a pipe")
        self.rewind()

    def __enter__(self) -> "Source":
        return self

    def __exit__(self, *_) -> None:
        self._file.close()

    def rewind(self) -> None:
        """Starts a new reading from the beginning."""
        self._file.seek(0)
        self.position, self.sha256, self._digest = 0, None, hashlib.sha256()

    def read(self, size: int) -> bytes:
        """The next bytes, at most `size`; b"" at the end, after which `sha256` is known."""
        data = self._file.read(size)
        self._digest.update(data)
        self.position += len(data)
        if not data:
            self.sha256 = self._digest.hexdigest()
        return data

    def read_through(self) -> str:
        """The SHA-256 of all bytes, by reading from the beginning."""
        self.rewind()
        while self.read(_COPY):
            pass
        return self.sha256


def _opened(path: str | Path) -> BinaryIO:
    if not str(path):
        raise UserError("an input's name is empty; name a file")
    try:
        return open(path, "rb", buffering=0)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UserError(f"{path}: no such file; check the path") from error
    except IsADirectoryError as error:
        raise UserError(f"{path}: is a folder; name a file in it") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error


def _copied(pipe: BinaryIO) -> BinaryIO:
    with pipe:
        copy = tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=scratch_place())
        while data := pipe.read(_COPY):
            copy.write(data)
    return copy
