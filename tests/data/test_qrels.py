"""Judgments: every row is kept, faults are reported with their line."""

import gzip
import re

import pytest

from lce_tf.data.qrels import read_qrels, relevant, write_qrels
from lce_tf.errors import UserError

ROWS = b"7 0 d1 1\n07 0 d1 0\n7 Q0 d2 3\n7 0 d3 -1\n"
QRELS = {"7": {"d1": 1, "d2": 3, "d3": -1}, "07": {"d1": 0}}


@pytest.mark.parametrize(
    "data",
    [
        ROWS,
        ROWS.replace(b" ", b"\t"),
        b"\xef\xbb\xbf" + ROWS.replace(b"\n", b"\r\n"),
        ROWS[:-1],
        b"\n  \n" + ROWS + b"\n",
        ROWS + b"7 0 d2 3\n",
        gzip.compress(ROWS),
    ],
    ids=["spaces", "tabs", "bom-crlf", "no-final-newline", "blank-lines", "same-grade-twice", "gzip"],
)
def test_every_judged_row_is_kept(tmp_path, data):
    path = tmp_path / "qrels"
    path.write_bytes(data)
    assert read_qrels(path) == QRELS
    assert list(read_qrels(path)) == ["7", "07"]


@pytest.mark.parametrize(
    ("data", "line", "words"),
    [
        (ROWS + b"7 0 d4\n", 5, "3 column(s)"),
        (ROWS + b"\n7 Q0 d4 1 2.5 tag\n", 6, "this looks like a run"),
        (b"query-id\tcorpus-id\tscore\n7\t0\td4\t1\n", 2, "4 column(s), but under this header row there are 3"),
        (b"7 d4 1\n", 1, "BEIR's three columns are read under their header row"),
        ("7 0 d\u00a04 1\n".encode(), 1, "passage id 'd\\xa04' holds white space"),
        (b"7\x0b 0 d4 1\n", 1, "query id '7\\x0b' holds white space"),
        (b"7 0 d4\x1b 1\n", 1, "passage id 'd4\\x1b' holds the character U+001B"),
        (b"7 0 d4\r 1\n", 1, "passage id 'd4\\r' holds white space"),
        (ROWS + b"7 0 d4 high\n", 5, "grade 'high' is not an integer"),
        (ROWS + b"7 0 d4 0.5\n", 5, "grade '0.5'"),
        (ROWS + b"7 0 d4 1000000\n", 5, "grade '1000000' is not an integer of at most six digits"),
        (ROWS + b"7 0 d4 1_0\n", 5, "grade '1_0'"),
        (ROWS + b"7 0 d4 -\n", 5, "grade '-'"),
        (ROWS + "7 0 d4 ٣\n".encode(), 5, "grade '٣'"),
        (ROWS + b"7 0 d2 2\n", 5, "passage d2 has grade 2 for query 7, but 3 above"),
        (ROWS + b"7 0 d\0 1\n", 5, "NUL byte"),
        (ROWS + b"7 0 d\xe9 1\n", 5, "byte 0xe9 is not UTF-8"),
    ],
)
def test_faults_are_told_by_line(tmp_path, data, line, words):
    path = tmp_path / "qrels"
    path.write_bytes(data)
    with pytest.raises(UserError, match=re.escape(words)) as caught:
        read_qrels(path)
    assert str(caught.value).startswith(f"{path}:{line}: ") and "\n" not in str(caught.value)


def test_files_without_judgments(tmp_path):
    (tmp_path / "empty").write_bytes(b"\n")
    (tmp_path / "torn.gz").write_bytes(gzip.compress(ROWS * 9)[:-9])
    for name, words in (("empty", "no judgments"), ("torn.gz", "cut-off gzip"), ("none", "no such file")):
        with pytest.raises(UserError, match=words):
            read_qrels(tmp_path / name)


def test_written_judgments_read_back(tmp_path):
    write_qrels(QRELS, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"7\t0\td1\t1\n7\t0\td2\t3\n7\t0\td3\t-1\n07\t0\td1\t0\n"
    assert read_qrels(tmp_path / "out") == QRELS


def test_ids_with_white_space_are_not_written(tmp_path):
    for wrong in ({"a b": {"d": 1}}, {"q": {"": 1}}):
        with pytest.raises(UserError, match="cannot stand in a row"):
            write_qrels(wrong, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_relevant_names_every_judged_query():
    assert relevant(QRELS) == {"7": ["d1", "d2"], "07": []}
    assert relevant(QRELS, min_grade=2) == {"7": ["d2"], "07": []}
