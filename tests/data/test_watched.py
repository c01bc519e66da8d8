"""Files that libraries read: any change is noticed, even with the same modification time."""

import os

import pytest

from lce_tf.data.watched import Watched
from lce_tf.errors import UserError


def rewrite(path):
    before = path.stat()
    while path.stat().st_ctime_ns == before.st_ctime_ns:  # file systems count time in steps of some milliseconds
        path.write_bytes(b"b")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def append(path):
    with open(path, "ab") as file:
        file.write(b"c")


CHANGES = {"rewrite": rewrite, "append": append, "remove": os.unlink}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_refused(tmp_path, change):
    path = tmp_path / "file"
    path.write_bytes(b"a")
    watched = Watched([path, tmp_path / "other"])
    watched.check()
    CHANGES[change](path)
    with pytest.raises(UserError, match="file: changed while it was read"):
        watched.check()


def test_a_file_that_comes_into_being_is_a_change(tmp_path):
    watched = Watched([tmp_path / "file"])
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file: changed while it was read"):
        watched.check()
