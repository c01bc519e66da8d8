"""The audit command, with the packaged tokenizer on a small folder."""

import json
import shlex

import pytest

from lce_tf import audit, negatives


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "data"
    folder.mkdir()
    texts = {"p0": "rain", "p1": "the quick fox", "p2": "The quick  fox", "p3": "a slow dog " * 20, "p4": "snow"}
    (folder / "collection.tsv").write_text("".join(f"{i}\t{text}\n" for i, text in texts.items()))
    (folder / "queries.train.tsv").write_text("q1\tquick fox\nq2\tquick fox\nq3\tdog\n")
    (folder / "qrels.train.txt").write_text("q1 0 p1 1\nq2 0 p4 1\nq3 0 p3 1\nq4 0 p1 0\n")
    rows = [f"q{q} Q0 p{p} {p + 1} {9 - p} t\n" for q in (1, 2) for p in range(5)]
    (tmp_path / "run.trec").write_text("".join(rows) + "q1 Q0 gone 6 1 t\n")
    (tmp_path / "empty.trec").write_text("")
    (tmp_path / "file").write_text("")
    return folder


BASE = "--dataset data --run run.trec --group 3 --steps 5 --batch 4 --query-length 8 --sequence-length 20"


def test_prints_and_writes_what_was_found(data, tmp_path, capsys):
    assert audit.main([*BASE.split(), "--json", "deep/audit.json"]) == 0
    shown = {" ".join(line.split()) for line in capsys.readouterr().out.splitlines()}
    # q1 has p0, p2, p3, p4 as negatives, of which p2 is its positive's text; q2 has p0 to p3; q3 is not in the run.
    assert {"judged queries 3", "usable 2", "not in the run 1 (q3)", "examples in training 20 = 10.0 a query"} <= shown
    assert {"negatives that copy a positive's text 1", "queries that share their text 2"} <= shown
    assert {"passages of the run not in the collection 1 (gone)", "passages cut 25.00%"} <= shown
    assert "distinct examples possible 12" in shown  # 2 queries, 4 choose 2
    found = json.loads((tmp_path / "deep" / "audit.json").read_text())
    assert (found["usable"], found["copies"], found["groups"]) == (2, 1, 12)
    assert found["findings"]["missing_passages"] == ["gone"] and found["findings"]["not_in_run"] == ["q3"]


def test_windows_of_documents_are_counted(data, capsys):
    # p3 has 60 wordpieces: windows of 4, 4 apart, reach to the end of all others' 1 to 3.
    for most, shown in ((15, "0.00%"), (14, "25.00%")):
        windows = f"--window 4 --stride 4 --windows {most} --json found.json"
        assert audit.main([*BASE.split(), *windows.split()]) == 0
        assert {f"passages cut {shown}"} <= {" ".join(line.split()) for line in capsys.readouterr().out.splitlines()}
        # Each of the two queries has p3 and three short passages among its negatives.
        assert json.loads((data.parent / "found.json").read_text())["windows"] == (most + 3) / 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("--run absent.trec", "absent.trec: no such file"),
        ("--run empty.trec", "empty.trec"),
        ("--dataset nowhere/at-all", "nowhere/at-all"),
        ("--split dev", "has no split 'dev'"),
        ("--group 9", "no training query is usable"),
        ("--negatives-depth 0", "--negatives-depth 0"),
        ("--steps 0", "--steps 0"),
        ("--backbone ./absent", "./absent"),
    ],
)
def test_bad_input_is_one_line(data, tmp_path, capsys, change, message):
    before = sorted(tmp_path.rglob("*"))
    assert audit.main([*BASE.split(), *change.split(), "--json", "found.json"]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("error: ") and printed.err.count("\n") == 1 and message in printed.err
    assert printed.out == "" and sorted(tmp_path.rglob("*")) == before


def test_what_lce_negatives_removed_is_shown_with_examples(data, tmp_path, capsys):
    made = "--dataset data --run run.trec --output made.trec.gz --near-duplicates 0.9"
    assert negatives.main(made.split()) == 0
    capsys.readouterr()
    base = BASE.replace("run.trec", "made.trec.gz").split()
    assert audit.main([*base, "--group", "2", "--json", "found.json"]) == 0
    printed = capsys.readouterr().out
    shown = {" ".join(line.split()) for line in printed.splitlines()}
    assert {"what lce negatives made made.trec.gz of:", "judged passages 2 (18.2%), of 2 queries"} <= shown
    # p2 is p1, which is relevant to q1, in other letters.
    assert "near-duplicates of a positive 1 (9.1%), of 1 queries" in shown
    assert {"query q1: quick fox", "positive p1: the quick fox", "removed p2: The quick fox"} <= shown
    assert "near-duplicates of a positive: rank 3 of run.trec, score 7, similarity 1" in shown
    assert "negatives that copy a positive's text 0" in shown
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["negatives"]["removed"]["near_duplicates"] == {"passages": 1, "queries": 1}
    assert audit.main([*base, "--group", "2", "--examples", "0"]) == 0
    assert "query q1" not in " ".join(capsys.readouterr().out.split())


def test_a_list_of_negatives_that_was_edited_since(data, capsys):
    assert negatives.main("--dataset data --run run.trec --output made.trec".split()) == 0
    with open("made.trec", "a") as file:
        file.write("q2 Q0 p9 9 -9 t\n")
    capsys.readouterr()
    assert audit.main(BASE.replace("run.trec", "made.trec").split()) == 2
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1 and "made.trec: has changed since" in printed.err and printed.out == ""


def test_a_file_that_cannot_be_written(data, capsys):
    assert audit.main([*BASE.split(), "--json", "file/found.json"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_an_unknown_loss_a_negative_number_and_help(capsys):
    with pytest.raises(SystemExit) as caught:
        audit.main(["--run", "x", "--loss", "ranknet"])
    assert caught.value.code == 2
    capsys.readouterr()
    with pytest.raises(SystemExit) as caught:
        audit.main(["--run", "x", "--examples", "-1"])
    assert caught.value.code == 2 and "'-1': give a whole number, 0 or more" in capsys.readouterr().err
    with pytest.raises(SystemExit) as caught:
        audit.main(["--help"])
    shown = capsys.readouterr().out
    assert caught.value.code == 0 and "(default: 300000)" in shown and audit.EXAMPLE in shown
    assert audit.parser().parse_args(shlex.split(audit.EXAMPLE)[3:]).group == 8
