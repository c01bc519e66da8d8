"""Hashes of input files: cached for large ones, and never used after a file has changed."""

import hashlib
import json
import os

import pytest

from lce_tf.data import hashes
from lce_tf.data.hashes import file_sha256, is_large
from lce_tf.data.source import Source
from lce_tf.errors import UserError


@pytest.fixture
def read(tmp_path, monkeypatch):
    """The files that were hashed, in order; a file of ten bytes counts as large."""
    monkeypatch.setenv("LCE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(hashes, "LARGE", 10)
    names = []

    whole = Source.read_through

    def read_through(source):
        names.append(source.path.name)
        return whole(source)

    monkeypatch.setattr(Source, "read_through", read_through)
    return names


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_large_files_are_read_once_and_small_ones_each_time(tmp_path, read):
    (tmp_path / "large").write_bytes(b"0123456789")
    (tmp_path / "small").write_bytes(b"012345678")
    for _ in range(2):
        assert file_sha256(tmp_path / "large") == sha(b"0123456789")
        assert file_sha256(tmp_path / "small") == sha(b"012345678")
    assert read == ["large", "small", "small"]
    assert is_large(tmp_path / "large") and not is_large(tmp_path / "small") and not is_large(tmp_path / "none")


def test_files_are_told_apart_and_a_link_is_the_file(tmp_path, read):
    (tmp_path / "one").write_bytes(b"1" * 10)
    (tmp_path / "two").write_bytes(b"2" * 10)
    (tmp_path / "link").symlink_to("one")
    found = [file_sha256(tmp_path / name) for name in ("one", "two", "link", "two")]
    assert found == [sha(b"1" * 10), sha(b"2" * 10), sha(b"1" * 10), sha(b"2" * 10)] and read == ["one", "two"]


def change_time(path):
    os.utime(path, ns=(0, 0))


def rewrite_with_the_old_time(path):
    before = path.stat()
    while path.stat().st_ctime_ns == before.st_ctime_ns:  # file systems count time in steps of some milliseconds
        path.write_bytes(b"b" * 10)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace(path):
    path.with_name("new").write_bytes(b"c" * 10)
    os.utime(path.with_name("new"), ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    os.replace(path.with_name("new"), path)


def lengthen(path):
    with open(path, "ab") as file:
        file.write(b"d")


@pytest.mark.parametrize("change", [change_time, rewrite_with_the_old_time, replace, lengthen])
def test_a_changed_file_is_read_again(tmp_path, read, change):
    path = tmp_path / "file"
    path.write_bytes(b"a" * 10)
    assert file_sha256(path) == sha(b"a" * 10)
    change(path)
    assert file_sha256(path) == sha(path.read_bytes())
    assert file_sha256(path) == sha(path.read_bytes()) and read == ["file", "file"]


@pytest.mark.parametrize("memory", ["{torn", "[]", '{"%s": [10, "x"]}', '{"%s": 5}'])
def test_a_damaged_or_older_memory_is_made_again(tmp_path, read, memory):
    path = tmp_path / "file"
    path.write_bytes(b"a" * 10)
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "hashes.json").write_text(memory.replace("%s", str(path)))
    assert [file_sha256(path) for _ in range(2)] == [sha(b"a" * 10)] * 2 and read == ["file"]
    assert list(json.loads((tmp_path / "cache" / "hashes.json").read_text())) == [str(path)]


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        file_sha256(tmp_path / "none")
