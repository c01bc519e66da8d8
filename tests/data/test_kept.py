"""Arrays kept in the cache: made once, mapped, and made again if they are torn."""

import json
import shutil

import numpy as np
import pytest

from lce_tf.data.kept import kept_arrays
from lce_tf.errors import UserError

ARRAYS = {
    "ids": np.array([b"a", b"ccc"]),
    "offsets": np.array([0, 2, 5]),
    "none": np.zeros(0, np.int32),
    "table": np.arange(6.0).reshape(2, 3),
}


class Maker:
    def __init__(self):
        self.calls = 0

    def __call__(self):
        self.calls += 1
        return {name: values.copy() for name, values in ARRAYS.items()}, {"tag": "é", "n": 2}


def check(found):
    arrays, facts = found
    assert facts == {"tag": "é", "n": 2} and list(arrays) == list(ARRAYS)
    for name, values in ARRAYS.items():
        assert arrays[name].dtype == values.dtype and arrays[name].tolist() == values.tolist()
    return arrays


def test_made_once_and_mapped_from_then_on(tmp_path):
    make = Maker()
    for _ in range(3):
        arrays = check(kept_arrays(tmp_path / "a" / "b", make))
        assert isinstance(arrays["table"].base, np.memmap) and not arrays["table"].flags.writeable
    assert make.calls == 1


def test_another_folder_holds_something_else(tmp_path):
    kept_arrays(tmp_path / "one", Maker())
    arrays, _ = kept_arrays(tmp_path / "two", lambda: ({"ids": np.array([b"z"])}, {}))
    assert arrays["ids"].tolist() == [b"z"]
    check(kept_arrays(tmp_path / "one", Maker()))


def cut(folder):
    (folder / "offsets.npy").write_bytes((folder / "offsets.npy").read_bytes()[:-8])


def lose(folder):
    (folder / "ids.npy").unlink()


def exchange(folder):
    np.save(folder / "offsets.npy", np.array([0, 2]))


def spoil(folder):
    (folder / "table.npy").write_bytes(b"")


def forget(folder):
    (folder / "kept.json").unlink()


def garble(folder):
    (folder / "kept.json").write_text('{"arrays": 3')


def mistake(folder):
    (folder / "kept.json").write_text(json.dumps({"arrays": {"ids": None}}))


def pickle(folder):
    np.save(folder / "ids.npy", np.array([1, None], object), allow_pickle=True)


def file_instead(folder):
    shutil.rmtree(folder)
    folder.mkdir()


@pytest.mark.parametrize("tear", [cut, lose, exchange, spoil, forget, garble, mistake, pickle, file_instead])
def test_what_is_torn_is_made_again(tmp_path, tear):
    make = Maker()
    kept_arrays(tmp_path / "kept", make)
    tear(tmp_path / "kept")
    for _ in range(2):
        check(kept_arrays(tmp_path / "kept", make))
    assert make.calls == 2 and [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_an_error_while_making_leaves_nothing(tmp_path):
    def make():
        raise UserError("line 7")

    with pytest.raises(UserError, match="line 7"):
        kept_arrays(tmp_path / "kept", make)
    assert not list(tmp_path.iterdir())


def test_without_a_cache_to_write_the_work_is_done_all_the_same(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    check(kept_arrays(tmp_path / "file" / "kept", Maker()))
    assert "could not be kept" in capsys.readouterr().err


def test_what_another_process_has_made_in_the_meantime_stays(tmp_path):
    folder, files = tmp_path / "kept", []

    def make():
        kept_arrays(folder, Maker())
        files.append((folder / "kept.json").stat().st_ino)
        return Maker()()

    arrays = check(kept_arrays(folder, make))
    assert isinstance(arrays["table"].base, np.memmap)
    assert [(folder / "kept.json").stat().st_ino] == files
