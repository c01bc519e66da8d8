"""Each kind of files on the disk has a version: what is older is read, what is newer or no such file is one line."""

import pytest

from lce_tf.errors import UserError
from lce_tf.foundation import disk
from lce_tf.foundation.disk import KEY, Kind
from lce_tf.foundation.files import read_json, write_json

KINDS = [value for value in vars(disk).values() if isinstance(value, Kind)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.what)
def test_what_is_written_is_read(kind, tmp_path):
    file = tmp_path / "facts.json"
    kind.write(file, {"a": 1})
    assert read_json(file) == {"a": 1, KEY: kind.version} and kind.read(file) == {"a": 1}


def test_what_was_written_before_there_were_versions_is_read(tmp_path):
    file = tmp_path / "facts.json"
    write_json(file, {"a": 1})
    assert Kind("a store").read(file) == {"a": 1}


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({KEY: 4}, "is a store of version 4, and this lce_tf reads up to 3; update lce_tf"),
        ({KEY: "2"}, "is a store of version '2', and this"),
        ({KEY: True}, "is a store of version True, and this"),
        ({KEY: 1}, "is a store of version 1, and this lce_tf reads 2 and later; build it again"),
        ({}, "is a store of version 1, and this lce_tf reads 2 and later"),
        ([1], "is not a JSON object, which a store is; build it again"),
    ],
)
def test_what_is_not_read_is_one_line(facts, words, tmp_path):
    file = tmp_path / "facts.json"
    write_json(file, facts)
    with pytest.raises(UserError, match=f"^{file}: {words}"):
        Kind("a store", 3, 2, "build it again").read(file)
