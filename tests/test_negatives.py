"""The negatives command: its options, what it prints, and what it refuses in one line with nothing written."""

import shlex

import pytest

from lce_tf import negatives
from lce_tf.data.runs import read_run
from tests.hard_negatives.conftest import Files


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Files(tmp_path)


BASE = "--dataset data --run run0.trec --output out.trec"


def test_prints_what_each_filter_removed(files, capsys):
    assert negatives.main([*BASE.split(), "--teacher", "teacher.trec", "--teacher-margin", "1"]) == 0
    printed = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert printed[0] == "queries 7" and printed[-1].endswith("rows: out.trec")
    assert any(line.startswith("near-duplicates of a positive") for line in printed)
    assert any(line.startswith("false negatives by the teacher's margin") for line in printed)
    assert len(read_run("out.trec").query_ids) == 7


def test_two_runs_and_a_draw(files, capsys):
    flags = "--run run0.trec run1.trec --shares 3,1 --last-rank 12 --per-query 4 --draw rank --draw-seed 3"
    assert negatives.main(["--dataset", "data", "--output", "out.trec", *flags.split()]) == 0
    printed = capsys.readouterr().out
    assert "of run1.trec" in printed and len(read_run("out.trec")) == 8 * 4


def test_it_can_be_called(files):
    import lce_tf

    made = lce_tf.negatives(lce_tf.NegativesConfig("data", ("run0.trec",), "out.trec"))
    assert made.run.tag == "negatives" and made.text().startswith("queries")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("--run absent.trec", "absent.trec: no such file"),
        ("--dataset nowhere/at-all", "nowhere/at-all"),
        ("--split dev", "dev"),
        ("--shares 1,2", "--shares: 2 for 1 runs"),
        ("--first-rank 9 --last-rank 3", "--last-rank 3: lies before --first-rank 9"),
        ("--per-query 0", "--per-query 0"),
        ("--near-duplicates 1.5", "--near-duplicates 1.5: give at most 1"),
        ("--near-duplicates nan", "--near-duplicates nan"),
        ("--teacher teacher.trec", "--teacher: removes nothing alone"),
        ("--teacher-margin 1", "need a --teacher"),
        ("--teacher teacher.trec --teacher-margin -1", "--teacher-margin -1"),
        ("--teacher teacher.trec --teacher-share 2", "--teacher-share 2"),
        ("--output run0.trec", "--output run0.trec: would overwrite run0.trec, which is read"),
        ("--output data", "data: is a folder"),
        ("--output /dev/stdout", "is a stream"),
        ("--tag two\twords", "--tag 'two\\twords'"),
        ("--draw score --draw-temperature 0", "--draw-temperature 0"),
    ],
)
def test_bad_input_is_one_line(files, tmp_path, capsys, change, message):
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert negatives.main([*BASE.split(), *change.split(" ")]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("error: ") and printed.err.count("\n") == 1 and message in printed.err
    assert printed.out == ""
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("shares", ["1,x", "0,1", "inf,1", ""])
def test_shares_that_are_none(files, capsys, shares):
    with pytest.raises(SystemExit) as caught:
        negatives.main([*BASE.split(), "--shares", shares])
    assert caught.value.code == 2 and "give numbers above 0" in capsys.readouterr().err


def test_the_example_parses():
    for line in negatives.EXAMPLE.replace("\\\n", "").splitlines():
        assert negatives.parser().parse_args(shlex.split(line)[3:]).runs[0] == "bm25.train.trec"
