"""Users without a home folder, with an unwritable one, or without a place for temporary files."""

import os
import pwd
import tempfile
from pathlib import Path

import pytest

from lce_tf.errors import UserError
from lce_tf.foundation.exits import guarded
from lce_tf.foundation.files import cache_dir, make_folder, scratch_place
from lce_tf.foundation.homes import settle_places


@pytest.fixture
def homeless(monkeypatch):
    """A user whom the system does not know, without HOME."""

    def unknown(uid):
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for name in ("HOME", "LCE_CACHE"):
        monkeypatch.setenv(name, "")  # so that whatever is set in the test is taken back
        monkeypatch.delenv(name)


@pytest.fixture
def no_tmp(monkeypatch):
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/proc/none"])
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setenv("TMPDIR", "/proc/none")


def test_without_a_home_the_cache_is_asked_for_in_one_line(homeless, capsys):
    assert guarded(cache_dir) == 2
    said = "error: there is no home folder for the cache; set LCE_CACHE to a folder that can be written\n"
    assert capsys.readouterr().err == said


def test_without_a_home_the_libraries_get_one_in_the_cache(homeless, tmp_path, monkeypatch):
    monkeypatch.setenv("LCE_CACHE", str(tmp_path))
    settle_places()
    assert Path.home() == tmp_path / "home" and cache_dir() == tmp_path


def test_a_home_that_cannot_be_written_is_kept_and_written_beside(tmp_path, monkeypatch):
    home = tmp_path / "home"
    (home / ".cache" / "huggingface").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("LCE_CACHE", str(tmp_path / "cache"))
    for name in ("HF_HOME", "MPLCONFIGDIR", "KERAS_HOME", "PYSERINI_CACHE", "TORCH_HOME"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    settle_places()
    assert Path.home() == home and "HF_HOME" not in os.environ  # what was downloaded there is read there
    assert os.environ["MPLCONFIGDIR"] == str(tmp_path / "cache" / "matplotlib")


def test_nothing_changes_where_all_is_there(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    before = dict(os.environ)
    settle_places()
    assert dict(os.environ) == before


@pytest.mark.parametrize("given", [True, False])
def test_without_tmp_temporary_files_lie_in_the_cache(tmp_path, monkeypatch, no_tmp, given):
    monkeypatch.setenv("HOME", str(tmp_path))
    cache = tmp_path / "given" if given else tmp_path / ".cache" / "lce_tf"
    if given:
        monkeypatch.setenv("LCE_CACHE", str(cache))
    else:
        monkeypatch.delenv("LCE_CACHE", raising=False)
    assert scratch_place() == str(cache / "tmp")
    settle_places()
    with tempfile.TemporaryDirectory() as scratch:
        assert Path(scratch).parent == cache / "tmp"


def test_without_tmp_and_home_one_line_names_the_way_out(homeless, no_tmp):
    with pytest.raises(UserError, match="set LCE_CACHE to a folder that can be written"):
        scratch_place()


def test_a_cache_that_cannot_be_written_names_its_variable(monkeypatch):
    monkeypatch.setenv("LCE_CACHE", "/proc/none")
    with pytest.raises(UserError, match=r"cannot be made a folder \(.*\); set LCE_CACHE to a folder that can be"):
        make_folder(cache_dir() / "tokens")
