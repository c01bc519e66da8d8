"""Large run files: read once, mapped from then on, and read again when they change."""

import gzip
import hashlib
import os

import numpy as np
import pytest

from lce_tf.data import hashes, ranked, trec
from lce_tf.data.runs import read_run, write_trec
from lce_tf.errors import UserError

ROWS = b"q2 Q0 d1 1 3.5 bm25\nq1 Q0 007 1 -1e-3 bm25\nq2 Q0 d2 2 4.25 bm25\n"
WANTED = {"q2": {"d2": 4.25, "d1": 3.5}, "q1": {"007": -0.001}}


@pytest.fixture
def parsed(tmp_path, monkeypatch):
    """The files that were parsed, in order; a file of twenty bytes counts as large."""
    monkeypatch.setenv("LCE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(hashes, "LARGE", 20)
    names, real = [], trec.read_columns

    def read_columns(source, format):
        names.append(source.path.name)
        return real(source, format)

    monkeypatch.setattr(trec, "read_columns", read_columns)
    return names


def write(path, data=ROWS):
    path.write_bytes(data)
    return path


def test_the_second_reading_maps_what_the_first_made(tmp_path, parsed):
    path = write(tmp_path / "run")
    for _ in range(3):
        run = read_run(path)
        assert run.as_dict() == WANTED and list(run.as_dict()["q2"]) == ["d2", "d1"] and run.tag == "bm25"
        assert isinstance(run.scores.base, np.memmap) and isinstance(run.passage_ids.base, np.memmap)
    assert parsed == ["run"]


def test_small_files_are_not_kept(tmp_path, parsed, monkeypatch):
    monkeypatch.setattr(hashes, "LARGE", len(ROWS) + 1)
    for _ in range(2):
        read_run(write(tmp_path / "run"))
    assert parsed == ["run", "run"] and not (tmp_path / "cache").exists()


def test_a_mapped_run_can_do_what_any_run_can(tmp_path, parsed):
    run = read_run(write(tmp_path / "run"))
    write_trec(run.cut(1).only(["q1", "q2"]), tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"q1 Q0 007 1 -0.00100000005 bm25\nq2 Q0 d2 1 4.25 bm25\n"


def test_two_files_are_kept_apart_and_the_same_content_is_read_once(tmp_path, parsed):
    one, two = write(tmp_path / "one"), write(tmp_path / "two", ROWS.replace(b"4.25", b"2.25"))
    copy = write(tmp_path / "copy")
    for _ in range(2):
        assert read_run(one).as_dict() == read_run(copy).as_dict() == WANTED
        assert read_run(two).as_dict()["q2"] == {"d1": 3.5, "d2": 2.25}
    assert parsed == ["one", "two"]


def test_a_changed_file_is_noticed_even_with_its_old_size_and_time(tmp_path, parsed):
    path = write(tmp_path / "run")
    read_run(path)
    before = path.stat()
    while path.stat().st_ctime_ns == before.st_ctime_ns:  # file systems count time in steps of some milliseconds
        write(path, ROWS.replace(b"4.25", b"2.25"))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert list(read_run(path).as_dict()["q2"]) == ["d1", "d2"] and parsed == ["run", "run"]


def test_a_torn_cache_is_made_again(tmp_path, parsed):
    path = write(tmp_path / "run")
    read_run(path)
    (folder,) = (tmp_path / "cache" / "runs").iterdir()
    (folder / "scores.npy").write_bytes((folder / "scores.npy").read_bytes()[:-8])
    for _ in range(2):
        assert read_run(path).as_dict() == WANTED
    assert parsed == ["run", "run"]


def test_another_way_of_reading_does_not_find_the_old_ways_arrays(tmp_path, parsed, monkeypatch):
    path = write(tmp_path / "run")
    read_run(path)
    monkeypatch.setattr(ranked, "_READING", "other")
    read_run(path)
    assert parsed == ["run", "run"]


def test_gzipped_and_three_column_files_are_kept_as_well(tmp_path, parsed):
    packed = write(tmp_path / "run.gz", gzip.compress(ROWS))
    short = write(tmp_path / "short", b"q9\td1\t2\nq9\td7\t1\nq8\td7\t1\n")
    for _ in range(2):
        assert read_run(packed).as_dict() == WANTED
        assert read_run(short).as_dict() == {"q9": {"d7": -1.0, "d1": -2.0}, "q8": {"d7": -1.0}}
    assert parsed == ["run.gz", "short"]


def test_faults_are_told_each_time_and_nothing_is_kept(tmp_path, parsed):
    path = write(tmp_path / "run", ROWS + b"q3 Q0 d 1 nan bm25\n")
    for _ in range(2):
        with pytest.raises(UserError, match="run:4: score 'nan'"):
            read_run(path)
    assert not (tmp_path / "cache" / "runs").exists()


def test_a_file_that_is_still_being_written_is_refused(tmp_path, parsed, monkeypatch):
    path, real = write(tmp_path / "run"), trec.read_columns

    def read_while_it_grows(*arguments):
        with open(path, "ab") as file:
            file.write(b"q3 Q0 d 1 1 bm25\n")
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(trec, "read_columns", read_while_it_grows)
        with pytest.raises(UserError, match="run: changed while it was read"):
            read_run(path)
    assert len(read_run(path)) == 4


@pytest.mark.parametrize("large", [20, 10**9])
def test_the_hash_is_of_the_bytes_that_were_read_whatever_becomes_of_the_file(tmp_path, parsed, monkeypatch, large):
    monkeypatch.setattr(hashes, "LARGE", large)
    path, real = write(tmp_path / "run"), ranked.sort_best_first

    def sort_while_it_is_replaced(*columns):
        os.replace(write(tmp_path / "new", ROWS.replace(b"4.25", b"2.25")), path)
        real(*columns)

    monkeypatch.setattr(ranked, "sort_best_first", sort_while_it_is_replaced)
    run = read_run(path)
    assert run.as_dict() == WANTED and run.sha256 == hashlib.sha256(ROWS).hexdigest()
    assert run.only(["q2"]).cut(1).sha256 == run.sha256


def test_a_format_named_is_kept_apart(tmp_path, parsed):
    path = write(tmp_path / "run", b"q9\td1\t2\nq9\td7\t1\nq8\td7\t1\n")
    for _ in range(2):
        assert read_run(path).as_dict()["q9"] == {"d7": -1.0, "d1": -2.0}
        assert read_run(path, "scores").as_dict()["q9"] == {"d1": 2.0, "d7": 1.0}
    assert parsed == ["run", "run"]
