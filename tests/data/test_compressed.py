"""Compressed inputs: recognised by their content, read completely or refused with the offset."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile

import numpy as np
import pytest
import zstandard

from lce_tf.data import compressed
from lce_tf.data.layouts.msmarco import MsMarcoFolder
from lce_tf.data.qrels import read_qrels
from lce_tf.data.runs import read_run
from lce_tf.data.source import Source
from lce_tf.data.text import blocks, lines
from lce_tf.errors import UserError

PACK = {"gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress, "zstd": zstandard.compress}
TEXT = "".join(f"line {i} {i * i} é\n" for i in range(20_000)).encode()

each = pytest.mark.parametrize("kind", PACK)


def read(path) -> bytes:
    with Source(path) as source:
        return b"".join(block for _, block in blocks(source))


def write(folder, data, name="file"):
    (folder / name).write_bytes(data)
    return folder / name


@pytest.mark.parametrize("first", [b"PAR1\tone\n", b"PAR12 Q0 p 1 2 t\n", b"ARROW1\tone\n"])
def test_an_id_like_the_name_of_a_format_is_text(tmp_path, first):
    assert read(write(tmp_path, first)) == first


@each
def test_several_members_are_one_text(tmp_path, kind):
    data = PACK[kind](TEXT[:1000]) + PACK[kind](b"") + PACK[kind](TEXT[1000:])
    assert read(write(tmp_path, data)) == TEXT


@each
def test_a_member_that_ends_where_a_read_ends_is_followed_by_the_next(tmp_path, kind, monkeypatch):
    monkeypatch.setitem(compressed._KINDS, kind, (compressed._KINDS[kind][0], 1))
    data = PACK[kind](b"a\n") + PACK[kind](b"b\n" * 300)
    assert read(write(tmp_path, data)) == b"a\n" + b"b\n" * 300


@each
def test_every_way_of_cutting_it_off_is_told_with_the_offset(tmp_path, kind):
    whole = PACK[kind](b"a\n")
    data = whole + PACK[kind](b"b\n")
    for end in range(len(whole) + 1, len(data)):
        with pytest.raises(UserError, match=f"file: damaged or cut-off {kind} data between byte {len(whole)} and"):
            read(write(tmp_path, data[:end]))


@each
@pytest.mark.parametrize("rest", [b"rest\n", b"\0\0rest", b"BZh"])
def test_bytes_behind_the_last_member_are_not_ignored(tmp_path, kind, rest):
    with pytest.raises(UserError, match=r"other bytes follow the compressed ones|damaged"):
        read(write(tmp_path, PACK[kind](TEXT) + rest))


@each
def test_a_flipped_bit_is_told(tmp_path, kind):
    pack = zstandard.ZstdCompressor(write_checksum=True).compress if kind == "zstd" else PACK[kind]
    data = bytearray(pack(TEXT))
    data[len(data) // 2] ^= 8
    with pytest.raises(UserError, match=rf"damaged or cut-off {kind} data between byte 0 and byte \d+ \(.+\); copy"):
        read(write(tmp_path, bytes(data)))


@pytest.mark.parametrize("kind", ["gzip", "xz"])
def test_zeros_that_fill_up_are_skipped(tmp_path, kind):
    assert read(write(tmp_path, PACK[kind](TEXT) + bytes(1024) + PACK[kind](TEXT) + bytes(512))) == TEXT * 2


@each
def test_every_kind_of_input_is_read(tmp_path, kind):
    pack = PACK[kind]
    assert read_run(write(tmp_path, pack(b"q Q0 d 1 2.5 t\n"))).as_dict() == {"q": {"d": 2.5}}
    assert read_qrels(write(tmp_path, pack(b"q 0 d 1\n"))) == {"q": {"d": 1}}
    ending = {"gzip": "gz", "bzip2": "bz2", "xz": "xz", "zstd": "zst"}[kind]
    for name, row in {"collection.tsv": b"d\tx\n", "queries.dev.tsv": b"q\ty\n", "qrels.dev.txt": b"q 0 d 1\n"}.items():
        write(tmp_path, pack(row), f"{name}.{ending}")
    dataset = MsMarcoFolder(tmp_path)
    assert [*dataset.passages()] == [("d", "x")]
    assert (dataset.queries("dev"), dataset.qrels("dev")) == ({"q": "y"}, {"q": {"d": 1}})


def test_the_hash_is_that_of_the_file_not_of_its_text(tmp_path):
    data = gzip.compress(TEXT, mtime=0)
    with Source(write(tmp_path, data)) as source:
        assert sum(1 for _ in lines(source)) == 20_000
        assert source.sha256 == source.read_through() and source.position == len(data)


def archive(kind: str) -> bytes:
    file = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(file, "w") as made:
            made.writestr("run", "q Q0 d 1 1 t\n")
    else:
        with tarfile.open(fileobj=file, mode="w") as made:
            made.addfile(tarfile.TarInfo("run"))
    return file.getvalue()


def array() -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros(3))
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (archive("zip"), "is a zip archive; unpack it"),
        (archive("tar"), "is a tar archive; unpack it"),
        (gzip.compress(archive("tar"), mtime=0), "is a tar archive; unpack it"),
        (gzip.compress(bz2.compress(TEXT), mtime=0), "is compressed twice"),
        (lzma.compress(TEXT, lzma.FORMAT_ALONE), "is compressed by lzma or lzip"),
        (b"\x04\x22\x4d\x18rest", "is compressed by lz4"),
        (b"7z\xbc\xaf\x27\x1crest", "is a 7z archive"),
        (b"PAR1\x15rest", "is a Parquet file"),
        (array(), "is a NumPy array"),
        ("p1\tx\n".encode("utf-16"), "is UTF-16 or UTF-32 text; convert it to UTF-8"),
        (gzip.compress("p1\tx\n".encode("utf-16"), mtime=0), "is UTF-16 or UTF-32 text; convert it to UTF-8"),
        ("p1\tx\n".encode("utf-32"), "is UTF-16 or UTF-32 text; convert it to UTF-8"),
        (b"p1\tx\rp2\ty\r", "its line ends are CR alone"),
    ],
)
def test_other_formats_are_refused_by_name(tmp_path, data, what):
    with pytest.raises(UserError, match=f"file: {what}"):
        read(write(tmp_path, data))


@pytest.mark.parametrize("text", [b"BZh9 is an id\tx\n", b"PK is one\n", b"(\xc2\xb5 \xc3\xbd\n", b"]\n", b"PAR\n"])
def test_text_that_begins_like_an_archive_is_text(tmp_path, text):
    assert read(write(tmp_path, text)) == text
