"""Bytes that might be found in a file: anything, rows that are nearly right, and right files with damage."""

import gzip

from hypothesis import strategies as st

_TOKENS = [
    b"q1", b"q2", b"Q0", b"0", b"p1", b"p2", b"1", b"2", b"-1", b"1.5", b"2.25", b"nan", b"inf", b"1e999", b"1_0", b"t",
    b"\xc3\xa9", b"\xd9\xa3", b"\xff", b"\0", b"\x07", b"99999999999999999999", b"[SEP]", b"\xef\xbb\xbf", b"\x1f\x8b",
]  # fmt: skip
_GAPS = [b" ", b" ", b"\t", b"  ", b"", b"\r", b"\xc2\xa0"]
_ENDS = [b"\n", b"\n", b"\r\n", b"\n\n", b""]
ROW_GAPS = st.sampled_from(_GAPS)


def _row(width: int) -> st.SearchStrategy[bytes]:
    cells = st.lists(st.tuples(st.sampled_from(_TOKENS), st.sampled_from(_GAPS)), min_size=width, max_size=width)
    parts = st.tuples(cells, st.sampled_from(_ENDS))
    return parts.map(lambda part: b"".join(token + gap for token, gap in part[0]) + part[1])


def _damaged(data: bytes, place: int, byte: int, end: int) -> bytes:
    """`data` with one byte changed and its end cut off."""
    if not data:
        return data
    place %= len(data)
    return (data[:place] + bytes([byte]) + data[place + 1 :])[: max(1, len(data) - end)]


def damaged(whole: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Files of `whole` with a byte changed, and maybe their end cut off."""
    ends = st.one_of(st.just(0), st.integers(0, 40))
    return st.builds(_damaged, whole, st.integers(0, 1 << 16), st.integers(0, 255), ends)


def files_of(*widths: int) -> st.SearchStrategy[bytes]:
    """Whole or broken files with rows of so many columns, gzipped or not."""
    rows = st.lists(st.one_of(*map(_row, widths)), max_size=8).map(b"".join)
    right = st.lists(
        st.tuples(st.sampled_from([b"q1", b"q2", b"q3"]), st.integers(0, 99), st.integers(1, 9), st.integers(-3, 3)),
        max_size=8,
    )
    layouts = {
        3: lambda r: b"%b\tp%d\t%d\n" % r[:3],
        4: lambda r: b"%b 0 p%d %d\n" % (*r[:2], r[3]),
        6: lambda r: b"%b Q0 p%d %d %d t\n" % r,
        2: lambda r: b"%b%d\tsome text\n" % r[:2],
    }
    plain = st.one_of(*(right.map(lambda rs, w=w: b"".join(map(layouts[w], rs))) for w in widths))
    packed = plain.map(lambda data: gzip.compress(data, mtime=0))
    return st.one_of(st.binary(max_size=200), rows, plain, packed, damaged(plain), damaged(packed))
