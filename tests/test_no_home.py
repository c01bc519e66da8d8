"""No home, an unwritable one, or no folder for temporary files: one line with what to do, or another place."""

import os
import subprocess
import sys
import tempfile

import pytest

from lce_tf.data.source import Source
from lce_tf.errors import UserError
from lce_tf.foundation.files import cache_dir, scratch_place


@pytest.fixture
def homeless(monkeypatch):
    """As a user whom the system does not know sees it; a known user has a home without the variable too."""
    monkeypatch.delenv("LCE_CACHE", raising=False)
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("os.path.expanduser", lambda path: path)


def test_without_a_home_the_cache_asks_for_a_folder(homeless, monkeypatch, tmp_path):
    with pytest.raises(UserError, match="LCE_CACHE"):
        cache_dir()
    monkeypatch.setenv("LCE_CACHE", str(tmp_path))
    assert cache_dir() == tmp_path


def test_without_a_folder_for_temporary_files_the_cache_has_one(monkeypatch, tmp_path):
    def none():
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", none)
    monkeypatch.setenv("LCE_CACHE", str(tmp_path / "cache"))
    assert scratch_place().startswith(str(tmp_path / "cache"))
    reading, writing = os.pipe()
    os.write(writing, b"text")
    os.close(writing)
    with Source(f"/dev/fd/{reading}") as source:
        assert source.read(9) == b"text"
    os.close(reading)


def test_a_home_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("no folder can be made in here")
    code = "from lce_tf.foundation.exits import guarded; from lce_tf.foundation.files import *; "
    code += "guarded(lambda a: make_folder(cache_dir()), 0)"
    environment = {**os.environ, "HOME": str(tmp_path / "file")}
    environment.pop("LCE_CACHE", None)
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert "LCE_CACHE" in done.stderr
    assert len(done.stderr.splitlines()) == 1
