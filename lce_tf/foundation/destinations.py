"""Resolves an output path to a regular file, which is written as a whole, or a stream, which is written directly."""

import os
import re
import stat
from pathlib import Path

from lce_tf.errors import UserError

# The folder to which links such as /dev/fd/N and /dev/stdout lead; its entries are the open files of a process. An
# open file is written from its current position on.
_OPEN_FILE = re.compile(r"/proc/(self|\d+)/fd")
_LINKS = 40  # links followed at most; more are taken for a loop


def is_stream(path: str | Path) -> bool:
    """Whether `path` leads to a pipe, a terminal or the like, or to an open file of this process.

    Raises:
        UserError: it leads to something that cannot be written: a socket, a block device, a loop of symbolic links, a
            file descriptor that is closed or of another process.
    """
    return not isinstance(destination(path), Path)


def destination(path: str | Path) -> Path | str | int:
    """The target of the output `path`, with symbolic links followed.

    Returns:
        The Path of a regular file or folder, which need not exist; or, for a stream, the name of a pipe or character
            device to open, or the descriptor of an open file.

    Raises:
        UserError: as `is_stream`.
    """
    end = Path(path)
    for _ in range(_LINKS):
        place = Path(os.path.realpath(end.parent)) / end.name
        if _OPEN_FILE.fullmatch(str(place.parent)) and place.name.isdecimal():
            return _open_file(place, path)
        if not end.is_symlink():
            break
        end = place.parent / os.readlink(place)
    else:
        raise UserError(f"{path}: is a circle of symbolic links; choose another output")
    try:
        mode = os.stat(end).st_mode
    except OSError:
        return end  # missing, or not accessible; then writing it fails with the reason
    if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
        return str(end)
    kinds = {stat.S_IFSOCK: "a socket", stat.S_IFBLK: "a block device"}
    if kind := kinds.get(stat.S_IFMT(mode)):
        raise UserError(f"{path}: is {kind}; choose another output")
    return end


def _open_file(end: Path, path: str | Path) -> int:
    number = int(end.name)
    if end.parent != Path(f"/proc/{os.getpid()}/fd"):
        raise UserError(f"{path}: is an open file of another process; choose another output")
    try:
        os.fstat(number)
    except OSError as error:
        raise UserError(f"{path}: is not open; choose another output") from error
    return number
