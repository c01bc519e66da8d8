"""Files for the leaderboard: written from a run, and every fault that would spoil one."""

import bz2

import pytest

from lce_tf.data.runs import Run
from lce_tf.errors import UserError
from lce_tf.replication.submission import DEPTH, check_submission, write_submission

GOOD = "1\t10\t1\n1\t11\t2\n2\t10\t1\n"


def small_run():
    return Run.build(["2", "1", "9"], [0, 1, 3, 4], ["10", "11", "10", "7"], [1.0, 0.2, 0.7, 5.0])


def test_written_in_the_leaderboards_columns(tmp_path):
    """Query 9 is no eval query; the queries come in the order asked for, the passages by score."""
    path = write_submission(small_run(), ["1", "2"], tmp_path / "eval.txt")
    assert path.read_text() == "1\t10\t1\n1\t11\t2\n2\t10\t1\n"
    assert bz2.decompress((tmp_path / "eval.txt.bz2").read_bytes()) == path.read_bytes()
    assert check_submission(path, ["1", "2"]) == 3


def test_cut_at_what_the_official_script_can_hold(tmp_path):
    ids = [f"{i}" for i in range(DEPTH + 5)]
    run = Run.build(["1"], [0, len(ids)], ids, range(len(ids), 0, -1))
    path = write_submission(run, ["1"], tmp_path / "eval.txt")
    assert path.read_text().splitlines()[-1] == "1\t999\t1000"


def test_a_query_without_passages_is_refused_before_writing(tmp_path):
    with pytest.raises(UserError, match="1 of 3 eval queries have no passage, e.g. 3; retrieve"):
        write_submission(small_run(), ["1", "2", "3"], tmp_path / "eval.txt")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("1\t10\t1\n1\t11\t3\n2\t10\t1\n", "query 1 has 2 rows, but ranks up to 3; number them 1 to 2"),
        ("1\t10\t2\n2\t10\t1\n", "query 1 has 1 rows, but ranks up to 2"),
        ("1\t10\t0\n2\t10\t1\n", "ranks begin at 1"),
        ("1\t10\t1\n1\t11\t1\n2\t10\t1\n", "rank 1 is given twice for query 1"),
        ("1\t10\t1\n1\t10\t2\n2\t10\t1\n", "passage 10 is listed twice for query 1"),
        ("1\t10\t1\n", "1 of 2 eval queries have no passage, e.g. 2"),
        (GOOD + "3\t10\t1\n", "query 3 is none of the eval queries"),
        ("1 Q0 10 1 0.5 t\n2 Q0 10 1 0.5 t\n", "has 6 columns; a submission has three"),
        ("".join(f"1\t{i}\t{i}\n" for i in range(1, 1002)) + "2\t1\t1\n", "query 1 has 1001 rows; keep its first 1000"),
    ],
)
def test_faults(tmp_path, text, fault):
    path = tmp_path / "eval.txt"
    path.write_text(text)
    with pytest.raises(UserError, match=fault):
        check_submission(path, ["1", "2"])
