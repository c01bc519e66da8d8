"""Where outputs go: links are followed, streams are written to, and anything else is refused."""

import os
import socket
import stat
import subprocess
import sys
import threading

import pytest

from lce_tf.destinations import destination, is_stream
from lce_tf.errors import UserError
from lce_tf.files import write_json, written


def test_a_link_stays_and_its_target_is_replaced(tmp_path):
    (tmp_path / "far").mkdir()
    target, link = tmp_path / "far" / "real.json", tmp_path / "link.json"
    target.write_text("old")
    link.symlink_to("far/real.json")
    write_json(link, 1)
    assert link.is_symlink()
    assert target.read_text() == "1\n"
    assert [file.name for file in target.parent.iterdir()] == ["real.json"]


def test_a_link_to_no_file_yet_makes_that_file(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "new" / "real")
    write_json(tmp_path / "link", 1)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "new" / "real").read_text() == "1\n"


def test_a_failed_block_leaves_the_target_of_a_link(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    with pytest.raises(ZeroDivisionError), written(tmp_path / "link") as file:
        file.write("half")
        raise ZeroDivisionError
    assert (tmp_path / "real").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_fifo_is_written_to_and_stays(tmp_path):
    fifo, found = tmp_path / "fifo", []
    os.mkfifo(fifo)
    reader = threading.Thread(target=lambda: found.append(fifo.read_bytes()), daemon=True)
    reader.start()
    write_json(fifo, "text")
    reader.join(10)
    assert found == [b'"text"\n']
    assert fifo.is_fifo()


def test_a_character_device_is_written_to_and_stays():
    write_json("/dev/null", 1)
    assert not os.path.isfile("/dev/null")


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_a_descriptor_goes_on_where_it_stands(tmp_path, name):
    code = f"from lce_tf.files import write_json; print('before'); write_json({name!r}, 1); print('after')"
    log = tmp_path / "log"
    log.write_text("first\n")
    with open(log, "a") as file:
        subprocess.run([sys.executable, "-c", code], stdout=file, check=True)
    assert log.read_text() == "first\nbefore\n1\nafter\n"
    piped = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True).stdout
    assert piped == b"before\n1\nafter\n"


def test_a_reader_that_goes_away_is_one_line(tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    with pytest.raises(UserError, match="cannot be written"), written(f"/dev/fd/{writing}") as file:
        file.write("text" * 100_000)
    os.close(writing)


def test_a_full_device_is_one_line():
    with pytest.raises(UserError, match="/dev/full: cannot be written"):
        write_json("/dev/full", 1)


def test_what_is_neither_file_nor_stream_is_refused(tmp_path, monkeypatch):
    with pytest.raises(UserError, match="is a folder"), written(tmp_path):
        pass
    (tmp_path / "round").symlink_to("round")
    with pytest.raises(UserError, match="is a circle of symbolic links"), written(tmp_path / "round"):
        pass
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as end:
        end.bind("socket")
        with pytest.raises(UserError, match="socket: is a socket; choose another output"), written("socket"):
            pass
    with pytest.raises(UserError, match="is not open"):
        destination("/dev/fd/9999")


def test_a_block_device_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("stat.S_IFMT", lambda mode: stat.S_IFBLK)  # never try a real one
    (tmp_path / "disk").write_text("all data")
    with pytest.raises(UserError, match="is a block device"), written(tmp_path / "disk"):
        pass
    monkeypatch.undo()
    assert (tmp_path / "disk").read_text() == "all data"


def test_what_is_a_stream(tmp_path):
    assert is_stream("/dev/null")
    assert is_stream("/dev/stdout")
    assert not is_stream(tmp_path / "new")
