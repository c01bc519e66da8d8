"""Compressed inputs: gzip, bzip2, xz and zstd, recognised by their first bytes and decompressed while read."""

import bz2
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from lce_tf.data.source import Source
from lce_tf.errors import UserError

# First bytes of each kind, and bytes read at a time. A few bytes of gzip or zstd can expand a thousandfold, and their
# decompressors return it all at once, so zstd is read in smaller pieces; those of bzip2 and xz stop at `_PIECE`.
_KINDS = {
    "gzip": (rb"\x1f\x8b\x08", 1 << 16),
    "bzip2": (rb"BZh[1-9](1AY&SY|\x17rE8P\x90)", 1 << 16),
    "xz": (rb"\xfd7zXZ\x00", 1 << 16),
    "zstd": (rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18", 1 << 13),
}
_PIECE = 1 << 22
_LONGEST_MAGIC = 262

# Formats refused by name; otherwise their bytes would be reported as damaged text.
_FOREIGN = {
    rb"PK(\x03\x04|\x05\x06)": "a zip archive; unpack it and name the file",
    rb"7z\xbc\xaf\x27\x1c": "a 7z archive; unpack it and name the file",
    rb"Rar!\x1a\x07": "a RAR archive; unpack it and name the file",
    rb".{257}ustar": "a tar archive; unpack it and name a file of it",
    rb"\x04\x22\x4d\x18": "compressed by lz4; unpack it, or compress it by gzip, bzip2, xz or zstd",
    rb"\x5d\x00\x00|LZIP[\x00\x01]": "compressed by lzma or lzip; unpack it, or compress it by xz",
    rb"\x1f\x9d": "compressed by compress (.Z); unpack it, or compress it by gzip",
    rb"\xff\x06\x00\x00sNaPpY": "compressed by snappy; unpack it, or compress it by gzip, bzip2, xz or zstd",
    rb"PAR1\x15": "a Parquet file; write its rows as text",  # ids such as PAR1 are text
    rb"ARROW1\0|\xff\xff\xff\xff": "an Arrow file; write its rows as text",
    rb"\x93NUMPY": "a NumPy array; write its rows as text",
    rb"\x89HDF|SQLite format 3\x00|%PDF-|\x80[\x02-\x05]": "a binary file; write its rows as text",
    rb"\xff\xfe|\xfe\xff|\x00\x00\xfe\xff": "UTF-16 or UTF-32 text; convert it to UTF-8",
}


def unpacked(source: Source, size: int) -> Iterator[bytes]:
    """Yields the bytes of `source` from its beginning in pieces, decompressed if they are compressed.

    Several compressed parts in a row, as `cat a.gz b.gz` and parallel compressors write them, are read as one text.

    Args:
        size: bytes read at a time from an uncompressed file.

    Raises:
        UserError: damaged or cut-off data, with the offset in the file; an archive or a binary format, by its name.
    """
    source.rewind()
    head = _filled(source, b"", _LONGEST_MAGIC)
    kind = _kind(head)
    if kind is None:
        _refuse_foreign(source, head)
        yield head
        while data := source.read(size):
            yield data
        return
    first = True
    for piece in _parts(source, kind, head):
        if first and (_kind(piece) or _refuse_foreign(source, piece)):
            raise UserError(f"{source.path}: is compressed twice; unpack it once")
        first = False
        yield piece


def _parts(source: Source, kind: str, data: bytes) -> Iterator[bytes]:
    size = _KINDS[kind][1]
    while data:
        start = source.position - len(data)
        if _kind(data) != kind:
            raise _damaged(source, kind, start, "other bytes follow the compressed ones")
        part = _decompressor(kind, source)
        stops = hasattr(part, "needs_input")
        while not part.eof:
            if not data and (not stops or part.needs_input):
                data = source.read(size)
                if not data:
                    raise _damaged(source, kind, start, "cut off")
            try:
                piece = part.decompress(data, _PIECE) if stops else part.decompress(data)
            except Exception as error:  # each library has its own exceptions, and zstandard is imported late
                raise _damaged(source, kind, start, str(error).splitlines()[0]) from error
            data = b""
            if piece:
                yield piece
        data = _filled(source, part.unused_data, 16)
        while data and kind in ("gzip", "xz") and not data.strip(b"\0"):  # both formats may be padded with zeros
            data = source.read(size)
        if kind in ("gzip", "xz"):
            data = _filled(source, data.lstrip(b"\0"), 16)


def _filled(source: Source, data: bytes, least: int) -> bytes:
    """`data` and the bytes after it, at least `least` bytes if the source has them."""
    while len(data) < least and (more := source.read(1 << 16)):
        data += more
    return data


def _kind(data: bytes) -> str | None:
    return next((kind for kind, (magic, _) in _KINDS.items() if re.match(magic, data)), None)


def _decompressor(kind: str, source: Source) -> Any:
    makers: dict[str, Callable[[], Any]] = {
        "gzip": lambda: zlib.decompressobj(zlib.MAX_WBITS | 16),
        "bzip2": bz2.BZ2Decompressor,
        "xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ),
        "zstd": lambda: _zstd(source),
    }
    return makers[kind]()


def _zstd(source: Source) -> Any:
    try:
        import zstandard
    except ImportError as error:
        raise UserError(f"{source.path}: is compressed by zstd; pip install zstandard to read it") from error
    return zstandard.ZstdDecompressor().decompressobj()


def _damaged(source: Source, kind: str, start: int, reason: str) -> UserError:
    return UserError(
        f"{source.path}: damaged or cut-off {kind} data between byte {start} and byte {source.position} ({reason}); "
        "copy or make the file again"
    )


def _refuse_foreign(source: Source, head: bytes) -> None:
    for magic, what in _FOREIGN.items():
        if re.match(magic, head, re.DOTALL):
            raise UserError(f"{source.path}: is {what}")
