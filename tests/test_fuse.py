"""The command for fusing."""

from pathlib import Path

import pytest

from lce_tf.data.runs import read_run
from lce_tf.fuse import main
from tests.fusion.conftest import A, B, write_rows


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_rows(Path("a.trec"), A)
    write_rows(Path("b.trec"), B)


def test_it_works_and_says_so(capsys):
    assert main(["a.trec", "b.trec", "--output", "out.trec"]) == 0
    assert capsys.readouterr().out == "2 queries, 8 rows: out.trec\n"
    assert read_run("out.trec").passage_ids[0] == b"d1"


def test_learnt_weights_are_told(capsys):
    write_rows(Path("a.held"), {"t1": {"n": 9.0, "p": 8.0}})
    write_rows(Path("b.held"), {"t1": {"p": 1.0, "n": 0.0}})
    Path("held.qrels").write_text("t1 0 p 1\n")
    learning = ["--learn-runs", "a.held", "b.held", "--learn-qrels", "held.qrels", "--learn-step", "0.25"]
    assert main(["--method", "sum", "--output", "out.trec", "a.trec", "b.trec", *learning]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "weights a.trec 0.25, b.trec 0.75: nDCG@10 1.0000 on the queries learnt from"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a.trec"], "a.trec: give two runs or more to fuse"),
        (["a.trec", "absent.trec"], "absent.trec: no such file"),
        (["a.trec", "b.trec", "--method", "mean-logits"], "a.trec: has no a.trec.scores.npz"),
    ],
)
def test_what_is_wrong_is_one_line(capsys, arguments, said):
    assert main([*arguments, "--output", "out.trec"]) == 2
    out, error = capsys.readouterr()
    assert out == "" and error.startswith(f"error: {said}") and error.count("\n") == 1
    assert not list(Path().glob("out*"))
