"""The evaluate command: its table, its JSON, its notes, and its errors."""

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lce_tf.evaluate import main, parser

ROOT = Path(__file__).parents[1]
FILES = ROOT / "tests" / "files"
QRELS, BM25, COLBERT = (str(FILES / f"dl19.{name}.gz") for name in ("qrels.txt", "bm25.trec", "colbert.trec"))


def test_table_of_two_runs(capsys):
    assert main(["--qrels", QRELS, BM25, COLBERT, "--measures", "RR(rel=2)@10", "nDCG@10", "AP(rel=2)"]) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [
        "run                   RR(rel=2)@10  nDCG@10  AP(rel=2)",
        "dl19.bm25.trec.gz     0.4656        0.4140   0.2686",
        "dl19.colbert.trec.gz  0.6604        0.6446   0.4879",
        "8 judged queries",
    ]
    assert printed.err == ""


def test_measures_may_be_given_with_commas(capsys):
    assert main(["--qrels", QRELS, "--measures", "RR(rel=2)@10,nDCG@10", "AP(rel=2)", "--", BM25]) == 0
    assert capsys.readouterr().out.split()[:4] == ["run", "RR(rel=2)@10", "nDCG@10", "AP(rel=2)"]


def test_default_measures_are_in_the_table(capsys):
    assert main(["--qrels", QRELS, BM25]) == 0
    assert capsys.readouterr().out.split()[:4] == ["run", "MRR@10", "R@1000", "nDCG@10"]


def test_table_of_what_ties_leave_open(capsys):
    """The values of trec_eval's own tie rule (0.6813, 0.6466) lie between worst and best."""
    assert main(["--qrels", QRELS, BM25, COLBERT, "--measures", "RR(rel=2)@10", "nDCG@10", "--ties"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "run                   measure       value   worst   expected  best",
        "dl19.bm25.trec.gz     RR(rel=2)@10  0.4656  0.4656  0.4656    0.4656",
        "dl19.bm25.trec.gz     nDCG@10       0.4140  0.4140  0.4140    0.4140",
        "dl19.colbert.trec.gz  RR(rel=2)@10  0.6604  0.6604  0.6708    0.6813",
        "dl19.colbert.trec.gz  nDCG@10       0.6446  0.6437  0.6456    0.6475",
        "dl19.bm25.trec.gz: 0 of 39600 pairs of passages of one query tied (0.00%), in 0 queries",
        "dl19.colbert.trec.gz: 301 of 39600 pairs of passages of one query tied (0.76%), in 8 queries",
        "8 judged queries",
    ]


def test_a_run_that_spells_ids_otherwise_is_told(tmp_path, capsys):
    qrels, run = small(tmp_path)
    Path(run).write_text("q1 Q0 D1 1 2.0 t\nq2 Q0 D2 1 2.0 t\n")
    assert main(["--qrels", qrels, run]) == 0
    said = capsys.readouterr().err
    assert "note: run.trec: ranks no judged passage; are ids spelt alike? The run has D1, the judgments p1" in said


def small(tmp_path):
    (tmp_path / "qrels.txt").write_text("".join(f"q{i} 0 p{i} 1\n" for i in range(1, 9)))
    (tmp_path / "run.trec").write_text("q1 Q0 p1 1 2.0 t\nq2 Q0 x 1 2.0 t\nq2 Q0 p2 2 1.0 t\nother Q0 x 1 1.0 t\n")
    return str(tmp_path / "qrels.txt"), str(tmp_path / "run.trec")


def test_missing_queries_score_0_and_are_named(tmp_path, capsys):
    qrels, run = small(tmp_path)
    out = tmp_path / "deep" / "values.json"
    assert main(["--qrels", qrels, run, "--measures", "MRR@10", "--per-query", str(out)]) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines()[1].split() == ["run.trec", f"{1.5 / 8:.4f}"]
    assert "note: run.trec: 6 of 8 judged queries not in the run, scored 0: q3, q4, q5, q6, q7, …" in printed.err
    assert "1 of the run's queries without judgments" in printed.err
    values = json.loads(out.read_text())
    assert values == {"run.trec": {"MRR@10": {"q1": 1.0, "q2": 0.5} | {f"q{i}": 0.0 for i in range(3, 9)}}}


def test_runs_of_one_name_are_told_apart(tmp_path, capsys):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        shutil.copy(BM25, tmp_path / folder / "run.trec.gz")
    paths = [str(tmp_path / folder / "run.trec.gz") for folder in ("one", "two")]
    assert main(["--qrels", QRELS, *paths]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:3]] == paths


def test_judgments_of_a_folder(tmp_path, capsys):
    qrels, run = small(tmp_path)
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "collection.tsv").write_text("".join(f"p{i}\ttext {i}\n" for i in range(1, 9)))
    (folder / "queries.dev.tsv").write_text("".join(f"q{i}\tquestion {i}\n" for i in range(1, 9)))
    shutil.copy(qrels, folder / "qrels.dev.txt")
    assert main(["--dataset", str(folder), "--split", "dev", run, "--measures", "MRR@10"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split() == ["run.trec", f"{1.5 / 8:.4f}"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([BM25, "--qrels", QRELS, "--measures", "Foo@10"], "Foo@10"),
        ([BM25, "--qrels", QRELS, "--measures", "MRR@10", BM25], "bm25"),
        (["absent.trec", "--qrels", QRELS], "absent.trec: no such file"),
        ([BM25, "--qrels", "absent.txt"], "absent.txt"),
        ([BM25, BM25, "--qrels", QRELS], "given twice"),
        ([BM25, "--qrels", QRELS, "--split", "dev"], "--split dev"),
        ([BM25, "--dataset", "no/such-dataset"], "no/such-dataset"),
    ],
)
def test_bad_input_is_one_line_and_status_2(arguments, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main([*arguments, "--per-query", "values.json"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: ") and printed.err.count("\n") == 1 and said in printed.err
    assert list(tmp_path.iterdir()) == []


def test_judgments_of_other_queries(tmp_path, capsys):
    qrels, _ = small(tmp_path)
    assert main(["--qrels", qrels, BM25]) == 2
    said = capsys.readouterr().err
    assert "dl19.bm25.trec.gz: holds none of the judged queries" in said and "q1" in said


def test_incomplete_command_lines(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--qrels", QRELS])
    assert stopped.value.code == 2
    said = "error: the following arguments are required: RUN; python -m lce_tf.evaluate --help shows the options\n"
    assert capsys.readouterr().err == said
    with pytest.raises(SystemExit):
        main(["--qrels", QRELS, "--measures", "MRR@10", BM25])
    said = "required: RUN (--measures takes all values up to the next option; put -- before RUN); python -m"
    assert said in capsys.readouterr().err
    assert main([BM25]) == 2
    assert capsys.readouterr().err == "error: by which judgments? Name them with --qrels or --dataset\n"
    assert main([BM25, "--qrels", QRELS, "--dataset", "pydocs"]) == 2
    assert "not beside --dataset pydocs; give one of them" in capsys.readouterr().err


def test_the_example_in_the_help_works_as_pasted():
    example = parser().epilog.split(":\n", 1)[1].split("\n\n")[0].replace("\\\n", " ")
    words = shlex.split(example)
    assert words[:3] == ["python", "-m", "lce_tf.evaluate"]
    done = subprocess.run([sys.executable, *words[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "8 judged queries"
