"""Text files, plain or gzipped, read in blocks of whole lines; a fault is told by file and line."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

from lce_tf.errors import UserError

BLOCK_BYTES = 8 << 20
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_GZIP_MAGIC = b"\x1f\x8b"


def blocks(path: str | Path, size: int = BLOCK_BYTES) -> Iterator[tuple[int, bytes]]:
    """Yields (number of the first line, bytes) for blocks of about `size` bytes that end at a line end.

    Only the last block can lack its final newline. A byte order mark is dropped; gzip is told by the file's first
    bytes, whatever its name. Everything yielded is UTF-8 without NUL.

    Raises:
        UserError: no such file, a folder, a damaged gzip file, a NUL byte or bytes that are not UTF-8.
    """
    number, pending = 1, []
    for chunk in _chunks(path, size):
        cut = chunk.rfind(b"\n") + 1
        pending.append(chunk[:cut] if cut else chunk)
        if not cut:
            continue
        block = b"".join(pending)
        yield number, _checked(block, number, path)
        number += block.count(b"\n")
        pending = [chunk[cut:]]
    if rest := b"".join(pending):
        yield number, _checked(rest, number, path)


def lines(path: str | Path) -> Iterator[tuple[int, str]]:
    """Yields (line number from 1, text without its line end) for every line that is not empty.

    Lines end at LF or CRLF and nowhere else: passages do hold U+2028, form feeds and the like.
    """
    for number, block in blocks(path):
        for ahead, line in enumerate(block.decode().split("\n")):
            if line := line.rstrip("\r"):
                yield number + ahead, line


def _chunks(path: str | Path, size: int) -> Iterator[bytes]:
    try:
        with open(path, "rb") as raw:
            file = gzip.GzipFile(fileobj=raw) if raw.peek(2)[:2] == _GZIP_MAGIC else raw
            while chunk := file.read(size):
                yield chunk
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UserError(f"{path}: no such file; check the path") from error
    except IsADirectoryError as error:
        raise UserError(f"{path}: is a folder; name a file in it") from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UserError(f"{path}: damaged or cut-off gzip file ({error}); copy or make it again") from error


def _checked(block: bytes, number: int, path: str | Path) -> bytes:
    if number == 1:
        block = block.removeprefix(_BYTE_ORDER_MARK)
    if (at := block.find(b"\0")) >= 0:
        line = number + block.count(b"\n", 0, at)
        raise UserError(f"{path}:{line}: holds a NUL byte; the file is damaged or not UTF-8 text, make it again")
    if not block.isascii():
        try:
            block.decode()
        except UnicodeDecodeError as error:
            line = number + block.count(b"\n", 0, error.start)
            value = block[error.start]
            raise UserError(f"{path}:{line}: byte 0x{value:02x} is not UTF-8; convert the file to UTF-8") from error
    return block
