"""Arrays read from files with any contents; several files written as one; outputs that name no file."""

import errno
import io
import os

import numpy as np
import pytest

from lce_tf.errors import UserError
from lce_tf.foundation.files import (
    built_folder,
    check_output,
    read_array,
    read_json,
    write_json,
    written,
    written_together,
)


def npy(array, **options) -> bytes:
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def npz(**arrays) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


WHOLE = npy(np.arange(9))


@pytest.mark.parametrize("mapped", [False, True])
def test_an_array_reads_back(tmp_path, mapped):
    (tmp_path / "a.npy").write_bytes(WHOLE)
    found = read_array(tmp_path / "a.npy", mapped)
    assert found.tolist() == list(range(9)) and isinstance(found, np.memmap) == mapped


@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize(
    "data",
    [
        b"",
        WHOLE[:5],
        WHOLE[:-1],
        WHOLE.replace(b"':", b"'["),  # a header that is no Python: TokenError
        WHOLE.replace(b"'<i8'", b"'<q8'"),
        b"PK\x03\x04torn",
        npz(a=np.arange(3)),
        npy(np.array([{}], object), allow_pickle=True),
    ],
    ids=["empty", "header torn", "a byte short", "no Python", "no type", "torn zip", "npz", "pickled objects"],
)
def test_what_is_no_array_is_one_line(tmp_path, data, mapped):
    (tmp_path / "a.npy").write_bytes(data)
    with pytest.raises(UserError, match="a.npy: ") as caught:
        read_array(tmp_path / "a.npy", mapped)
    assert "\n" not in str(caught.value)


def test_no_file(tmp_path):
    with pytest.raises(UserError, match="a.npy: no such file"):
        read_array(tmp_path / "a.npy")


def test_a_claimed_folder_goes_again_with_the_parents_that_were_made_for_it(tmp_path):
    from lce_tf.foundation.files import claimed_folder

    with pytest.raises(UserError), claimed_folder(tmp_path / "a" / "b" / "c"):
        raise UserError("bad input")
    assert not any(tmp_path.iterdir())
    with pytest.raises(UserError), claimed_folder(tmp_path / "a" / "b") as folder:
        (folder / "kept").write_text("")
        raise UserError("bad input")
    with pytest.raises(UserError), claimed_folder(tmp_path / "a" / "b" / "c"):
        raise UserError("bad input")
    assert [path.name for path in tmp_path.rglob("*")] == ["a", "b", "kept"]


def test_files_that_are_written_together(tmp_path):
    old, linked, target = tmp_path / "a", tmp_path / "b", tmp_path / "elsewhere" / "b"
    target.parent.mkdir()
    target.write_text("old b")
    linked.symlink_to(target)
    old.write_text("old a")

    def write(second):
        with written_together(old, linked) as files:
            for file, text in zip(files, ("new a", second), strict=True):
                with written(file) as opened:
                    opened.write(text)
                    if text == "torn":
                        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(UserError, match=f"^{target}: cannot be written .No space left on device.; make room"):
        write("torn")
    assert (old.read_text(), target.read_text()) == ("old a", "old b")
    write("new b")
    assert (old.read_text(), target.read_text()) == ("new a", "new b") and linked.is_symlink()
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "b", "b", "elsewhere"]


@pytest.mark.parametrize(("name", "message"), [("", "an output's name is empty"), ("new/", "new/: is a folder")])
def test_an_output_that_names_no_file(tmp_path, monkeypatch, name, message):
    monkeypatch.chdir(tmp_path)
    for call in (lambda: written(name).__enter__(), lambda: check_output(name)):
        with pytest.raises(UserError, match=message):
            call()
    assert list(tmp_path.iterdir()) == []


def test_a_file_s_name_that_is_no_utf_8_comes_back_from_json(tmp_path):
    name = os.fsdecode(b"caf\xe9.trec")
    write_json(tmp_path / "facts.json", {"run": name, "other": "café"})
    assert read_json(tmp_path / "facts.json") == {"run": name, "other": "café"}
    assert "café" in (tmp_path / "facts.json").read_text(encoding="utf-8")


def test_what_a_killed_build_left_is_removed_by_the_next(tmp_path):
    with pytest.raises(KeyboardInterrupt), built_folder(tmp_path / "store") as left:
        raise KeyboardInterrupt
    others = [tmp_path / left.name.replace("store", name) for name in ("store2", "store.trec")]
    for folder in (left, *others):
        folder.mkdir()
        (folder / "vectors.npy").write_bytes(b"half")
    with built_folder(tmp_path / "store") as running:
        assert not left.exists()
        (running / "vectors.npy").write_bytes(b"half")
        with built_folder(tmp_path / "store") as second:
            assert running.is_dir() and second.is_dir()
    assert {path.name for path in tmp_path.iterdir()} == {"store", *(folder.name for folder in others)}
