"""Inputs opened once: pipes, files replaced while they are read, and inputs that cannot be read."""

import hashlib
import os
import socket
import threading

import pytest

from lce_tf.data.hashes import source_sha256
from lce_tf.data.qrels import read_qrels
from lce_tf.data.runs import read_run
from lce_tf.data.source import Source
from lce_tf.errors import UserError

ROWS = b"q Q0 d1 1 2.5 t\nq Q0 d2 2 1.5 t\n"


@pytest.fixture
def piped(tmp_path):
    """Gives the path of a pipe that delivers some bytes once."""
    threads = []

    def piped(data: bytes, name: str = "pipe"):
        path = tmp_path / name
        os.mkfifo(path)
        threads.append(threading.Thread(target=path.write_bytes, args=(data,)))
        threads[-1].start()
        return path

    yield piped
    for thread in threads:
        thread.join(timeout=10)
        assert not thread.is_alive()


def test_the_hash_of_a_piped_run_is_of_the_bytes_that_came(piped):
    run = read_run(piped(ROWS))
    assert run.as_dict() == {"q": {"d1": 2.5, "d2": 1.5}} and run.sha256 == hashlib.sha256(ROWS).hexdigest()


def test_a_pipe_larger_than_memory_allows_is_read_whole(piped, monkeypatch):
    monkeypatch.setattr("lce_tf.data.source._IN_MEMORY", 10)
    assert read_run(piped(ROWS)).sha256 == hashlib.sha256(ROWS).hexdigest()


def test_a_fault_in_a_pipe_is_told_by_line_by_a_second_reading(piped):
    with pytest.raises(UserError, match="pipe:3: passage d1 is listed twice"):
        read_run(piped(ROWS + b"q Q0 d1 3 1 t\n"))


def test_judgments_come_through_a_pipe(piped):
    assert read_qrels(piped(b"q 0 d 1\n")) == {"q": {"d": 1}}


def test_a_file_that_is_replaced_is_read_on(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"a" * 10)
    with Source(path) as source:
        assert source.read(4) == b"aaaa" and source.sha256 is None
        path.with_name("new").write_bytes(b"b" * 10)
        os.replace(path.with_name("new"), path)
        assert source.read(10) == b"a" * 6 and source.read(10) == b""
        assert source.sha256 == source_sha256(source) == hashlib.sha256(b"a" * 10).hexdigest()


def test_what_cannot_be_read_is_told_in_one_line(tmp_path):
    for path, what in ((tmp_path / "none", "no such file"), (tmp_path, "is a folder"), ("/dev/null", "is a device")):
        with pytest.raises(UserError, match=what):
            Source(path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        with pytest.raises(UserError, match="socket: cannot be read"):
            Source(tmp_path / "socket")
