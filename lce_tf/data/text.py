"""Text inputs, plain or compressed, read in blocks of whole lines; errors name file and line."""

from collections.abc import Iterator
from pathlib import Path

from lce_tf.data.compressed import unpacked
from lce_tf.data.source import Source
from lce_tf.errors import UserError

BLOCK_BYTES = 8 << 20
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def blocks(source: Source, size: int = BLOCK_BYTES) -> Iterator[tuple[int, bytes]]:
    """Yields (number of the first line, bytes) for blocks of about `size` bytes that end at a line end.

    Only the last block can lack its final newline. A byte order mark is dropped. Compression is recognised by the first
    bytes, not by the file's name. All bytes yielded are UTF-8 without NUL.

    Raises:
        UserError: damaged compressed data, an archive or binary format, a NUL byte, bytes that are not UTF-8, or CR
            alone as line end.
    """
    number, pending = 1, []
    for chunk in _chunks(source, size):
        cut = chunk.rfind(b"\n") + 1
        pending.append(chunk[:cut] if cut else chunk)
        if not cut:
            continue
        block = b"".join(pending)
        yield number, _checked(block, number, source.path)
        number += block.count(b"\n")
        pending = [chunk[cut:]]
    if rest := b"".join(pending):
        if number == 1 and b"\r" in rest.rstrip(b"\r"):
            raise UserError(f"{source.path}: its line ends are CR alone, as on old Macs; convert them to LF")
        yield number, _checked(rest, number, source.path)


def lines(source: Source | str | Path) -> Iterator[tuple[int, str]]:
    """Yields (line number from 1, text without its line end) for every line that is not empty.

    Lines end at LF or CRLF only, because passages may hold U+2028, form feeds and the like.

    Args:
        source: an open input, or a path, which is opened here.
    """
    if not isinstance(source, Source):
        with Source(source) as opened:
            yield from lines(opened)
        return
    for number, block in blocks(source):
        for ahead, line in enumerate(block.decode().split("\n")):
            if line := line.rstrip("\r"):
                yield number + ahead, line


def _chunks(source: Source, size: int) -> Iterator[bytes]:
    """The pieces of `unpacked`, joined or cut into chunks of about `size` bytes."""
    gathered, held = [], 0
    for piece in unpacked(source, size):
        for start in range(0, len(piece), size):
            gathered.append(piece[start : start + size])
            held += len(gathered[-1])
            if held >= size:
                yield b"".join(gathered)
                gathered, held = [], 0
    if held:
        yield b"".join(gathered)


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
