"""Locks an output for one process; a second process gets an error and changes nothing."""

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from lce_tf.errors import UserError
from lce_tf.foundation.destinations import destination

try:
    import fcntl
except ImportError:  # not a POSIX system
    fcntl = None


@contextlib.contextmanager
def alone(output: str | Path) -> Iterator[None]:
    """Within the block, no other process writes `output`, a file or folder whose parent exists.

    The lock is the operating system's, on a file `.NAME.lock` beside the output, so it ends with the process in any
    case. File systems without locks and systems without POSIX are not locked.

    Raises:
        UserError: another process holds the lock.
    """
    end = destination(output)
    if isinstance(end, Path):
        output = end  # the file itself, since two links to it are one output
    output = Path(output)
    path = output.parent / f".{output.name}.lock"
    handle = _locked(path, output)
    try:
        yield
    finally:
        if handle is not None:
            # Removed while it is locked: a process that opened it meanwhile then finds that its file is no longer the
            # named one.
            with contextlib.suppress(OSError):
                path.unlink()
            os.close(handle)


def _locked(path: Path, output: Path) -> int | None:
    """The locked file's descriptor; the file names its holder. None if there are no locks."""
    while fcntl is not None:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(handle, 200, 0).decode(errors="replace").strip() or "another process"
            os.close(handle)
            raise UserError(
                f"{output}: {holder} is writing it; wait until that has finished, or choose another --output"
            ) from error
        except OSError:  # some network file systems
            path.unlink(missing_ok=True)
            os.close(handle)
            return None
        if _is_still(path, handle):
            with contextlib.suppress(OSError):  # a full disk does not affect the lock
                os.truncate(handle, 0)
                os.pwrite(handle, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
            return handle
        os.close(handle)
    return None


def _is_still(path: Path, handle: int) -> bool:
    """Whether the open file is still the one at `path`."""
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(there, os.fstat(handle))
