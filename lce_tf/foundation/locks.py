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

    The lock is an `flock` on a file `.NAME.lock` beside the output. The operating system releases it when the process
    ends, even after a crash. On file systems without locks and on systems without POSIX, nothing is locked.

    Raises:
        UserError: another process holds the lock.
    """
    end = destination(output)
    if isinstance(end, Path):
        output = end  # two links to one file share its lock
    output = Path(output)
    path = output.parent / f".{output.name}.lock"
    handle = _locked(path, output)
    try:
        yield
    finally:
        if handle is not None:
            # Removed while it is locked: another process that has opened the file by now then finds in `_is_still`
            # that it is no longer at `path`, and opens a new one.
            with contextlib.suppress(OSError):
                path.unlink()
            os.close(handle)


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Within the block, `is_left(folder)` is false in every process."""
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some network file systems have no locks
            fcntl.flock(handle, fcntl.LOCK_SH)
        yield
    finally:
        os.close(handle)


def is_left(folder: Path) -> bool:
    """Whether the process that held the folder has ended; False where that cannot be known."""
    if fcntl is None:
        return False
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:  # another process has just removed it
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except OSError:  # it is held, or its file system has no locks
        return False
    finally:
        os.close(handle)


def _locked(path: Path, output: Path) -> int | None:
    """Locks the file at `path` and writes this process's id and host into it, for the error of another process.

    Returns:
        The file's descriptor, or None where the system or the file system has no locks.
    """
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
        except OSError:  # some network file systems have no locks
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
