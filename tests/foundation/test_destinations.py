"""Special outputs: links are followed and kept, streams are written directly, all others are refused."""

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from lce_tf.errors import UserError
from lce_tf.foundation.destinations import destination, is_stream
from lce_tf.foundation.files import built_folder, check_output, write_json, written
from lce_tf.foundation.locks import alone
from lce_tf.reranking.merge import merge
from lce_tf.reranking.rerank import RerankConfig


def test_a_link_stays_and_its_target_is_written(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "real").write_text("old")
    (tmp_path / "link").symlink_to("far/middle")
    (tmp_path / "far" / "middle").symlink_to("real")
    write_json(tmp_path / "link", [1])
    assert (tmp_path / "link").is_symlink() and (tmp_path / "far" / "middle").is_symlink()
    assert (tmp_path / "far" / "real").read_text() == "[\n  1\n]\n"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["far", "link", "middle", "real"]


def test_a_link_to_nothing_yet_makes_what_it_names(tmp_path):
    (tmp_path / "link").symlink_to("new/real")
    write_json(tmp_path / "link", 1)
    assert (tmp_path / "link").is_symlink() and (tmp_path / "new" / "real").read_text() == "1\n"


def test_a_failed_writing_leaves_link_and_target(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    with pytest.raises(ZeroDivisionError), written(tmp_path / "link") as file:
        file.write("new")
        raise ZeroDivisionError
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_text() == "old"


def test_a_folder_is_built_where_a_link_leads(tmp_path):
    (tmp_path / "link").symlink_to("real")
    with built_folder(tmp_path / "link") as scratch:
        (scratch / "file").write_text("x")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real" / "file").read_text() == "x"


@pytest.mark.parametrize("linked", [False, True])
@pytest.mark.parametrize("mode", ["w", "wb"])
def test_a_fifo_is_written_to_and_stays(tmp_path, mode, linked):
    path, got = tmp_path / "fifo", []
    os.mkfifo(path)
    if linked:
        (tmp_path / "link").symlink_to("fifo")
    reader = threading.Thread(target=lambda: got.append(path.read_bytes()), daemon=True)
    reader.start()
    with written(tmp_path / "link" if linked else path, mode) as file:
        file.write("é\n" if mode == "w" else "é\n".encode())
    reader.join(timeout=10)
    assert got == ["é\n".encode()] and path.is_fifo()


def test_a_character_device_is_written_to_and_stays(tmp_path):
    check_output("/dev/null")
    write_json("/dev/null", 1)
    assert Path("/dev/null").is_char_device()


WRITES = "print('before'); import lce_tf.foundation.files as f; f.write_json({!r}, 1); print('after')"


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
@pytest.mark.parametrize("to_file", [False, True])
def test_stdout_goes_on_where_it_is(tmp_path, name, to_file):
    command = [sys.executable, "-c", WRITES.format(name)]
    if to_file:
        with open(tmp_path / "out", "w") as out:
            subprocess.run(command, stdout=out, check=True)
        found = (tmp_path / "out").read_text()
    else:
        found = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert found == "before\n1\nafter\n"


def test_what_nothing_can_be_written_to_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("one").symlink_to("other")
    Path("other").symlink_to("one")
    Path("folder").mkdir()
    Path("to-folder").symlink_to("folder")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        for path, what in {
            "socket": "socket: is a socket; choose another output",
            "one": "one: is a circle of symbolic links; choose another output",
            "to-folder": "to-folder: is a folder; name a file to write",
            "/dev/fd/999": "/dev/fd/999: is not open; choose another output",
            f"/proc/{os.getppid()}/fd/1": "is an open file of another process",
        }.items():
            for write in (check_output, lambda path: write_json(path, 1)):
                with pytest.raises(UserError, match=what):
                    write(path)


def test_a_block_device_is_refused(monkeypatch):
    found = os.stat("/dev/null")
    block = os.stat_result([0o060666, *found[1:]])  # a stand-in: no real device is touched
    monkeypatch.setattr(os, "stat", lambda path, **_: block)
    with pytest.raises(UserError, match="/dev/null: is a block device; choose another output"):
        destination("/dev/null")


def test_a_plain_path_stays_as_it_was_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert destination("a/b") == Path("a/b") and not is_stream("a/b")


def test_files_beside_a_run_cannot_be_beside_a_stream():
    told = "--output /dev/stdout: is a stream, but OUTPUT.scores.npz and OUTPUT.json are written beside the run"
    with pytest.raises(UserError, match=told):
        RerankConfig("checkpoint", "data", "run", "/dev/stdout")
    with pytest.raises(UserError, match=told):
        merge("/dev/stdout", ["shard"])


def test_two_names_of_one_output_share_its_lock(tmp_path):
    (tmp_path / "link").symlink_to("real")
    with (
        alone(tmp_path / "real"),
        pytest.raises(UserError, match="is writing it"),
        alone(tmp_path / "link"),
    ):
        pass


def test_a_reader_that_goes_away_is_one_line(tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    with pytest.raises(UserError, match="cannot be written"), written(f"/dev/fd/{writing}") as file:
        file.write("text" * 100_000)
    os.close(writing)


def test_a_full_device_is_one_line():
    with pytest.raises(UserError, match="/dev/full: cannot be written"):
        write_json("/dev/full", 1)


def test_what_is_a_stream(tmp_path):
    assert is_stream("/dev/null")
    assert is_stream("/dev/stdout")
    assert not is_stream(tmp_path / "new")
