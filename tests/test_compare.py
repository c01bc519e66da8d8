"""The compare command: letters, p-values, JSON, and its errors."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from scipy import stats

from lce_tf.compare import main, parser, report
from lce_tf.evaluation.significance import compare

ROOT = Path(__file__).parents[1]
FILES = ROOT / "tests" / "files"
QRELS, BM25, COLBERT = (str(FILES / f"dl19.{name}.gz") for name in ("qrels.txt", "bm25.trec", "colbert.trec"))

# Per-query nDCG@10 as `trec_eval -c -q -m ndcg_cut.10` prints it, in ascending order of the ids; the ColBERT run with
# its scores made strictly decreasing in our order. See tests/evaluation/test_measures.py.
BM25_NDCG = [0.3057, 0.3727, 0.0749, 0.7333, 0.4697, 0.3252, 0.9665, 0.0636]
COLBERT_NDCG = [0.1796, 0.8304, 0.7085, 0.3355, 0.6008, 0.6535, 0.9841, 0.8643]


def test_two_real_runs(tmp_path, capsys):
    out = tmp_path / "comparison.json"
    command = ["--qrels", QRELS, BM25, COLBERT, "--measure", "nDCG@10", "--alpha", "0.5", "--json", str(out)]
    assert main(command) == 0
    p = stats.ttest_rel(BM25_NDCG, COLBERT_NDCG).pvalue
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["run", "nDCG@10"]
    assert lines[1] == ["a", "dl19.bm25.trec.gz", "0.4140"]
    assert lines[2] == ["b", "dl19.colbert.trec.gz", "0.6446^a"]
    assert lines[4][:5] == ["8", "judged", "queries,", "1", "comparison"]
    assert lines[-1][:4] == ["a", "-", "b", "-0.2306"] and lines[-1][-1] == "*"
    assert float(lines[-1][4]) == pytest.approx(p, rel=5e-3)
    found = json.loads(out.read_text())
    assert found["comparisons"] == 1 and found["queries"] == 8 and found["alpha"] == 0.5
    assert found["pairs"] == [
        {"a": "dl19.bm25.trec.gz", "b": "dl19.colbert.trec.gz", "p": pytest.approx(p, rel=1e-3)}
        | {"corrected": pytest.approx(p, rel=1e-3), "difference": pytest.approx(-0.2306, abs=1e-4)}
    ]
    assert [run["letter"] for run in found["runs"]] == ["a", "b"]
    assert found["runs"][1]["beats"] == ["dl19.bm25.trec.gz"]
    low, high = found["runs"][0]["interval95"]
    assert low < found["runs"][0]["mean"] < high
    assert found["runs"][0]["mean"] == pytest.approx(0.4140, abs=5e-5)


def test_bonferroni_at_the_default_level_leaves_eight_queries_without_letters(capsys):
    assert main(["--qrels", QRELS, BM25, COLBERT, "--measure", "nDCG@10"]) == 0
    assert "^a" not in capsys.readouterr().out


def test_superscripts_of_three_runs():
    values = {
        "low": {f"q{i}": 0.1 + i % 7 / 100 for i in range(40)},
        "middle": {f"q{i}": 0.3 + i % 5 / 100 for i in range(40)},
        "high": {f"q{i}": 0.5 + i % 3 / 100 for i in range(40)},
    }
    text = report(compare(values), "MRR@10")
    assert [line.split()[-1].partition("^")[2] for line in text.splitlines()[1:4]] == ["", "a", "ab"]
    assert "40 judged queries, 3 comparisons (Bonferroni)" in text


def test_more_than_26_runs_keep_their_letters_apart():
    values = {f"run{i}": {"q1": i / 100, "q2": i / 100, "q3": i / 100} for i in range(28)}
    row = next(line for line in report(compare(values), "MRR@10").splitlines() if "run27 " in line)
    assert row.split()[0] == "ab"
    assert row.endswith("y,z,aa")


def test_a_missing_query_counts_as_0_and_is_named(tmp_path, capsys):
    (tmp_path / "qrels").write_text("q1 0 p 1\nq2 0 p 1\nq3 0 p 1\n")
    (tmp_path / "full").write_text("q1 Q0 p 1 1 t\nq2 Q0 p 1 1 t\nq3 Q0 p 1 1 t\n")
    (tmp_path / "part").write_text("q1 Q0 p 1 1 t\nq2 Q0 p 1 1 t\n")
    assert main(["--qrels", *(str(tmp_path / name) for name in ("qrels", "full", "part"))]) == 0
    printed = capsys.readouterr()
    assert "note: part: 1 of 3 judged queries not in the run, scored 0: q3" in printed.err
    assert printed.out.splitlines()[2].split() == ["b", "part", "0.6667"]
    # Differences 0, 0, 1: t = 1, and with 2 degrees of freedom p = 1 - 1 / sqrt 3.
    assert printed.out.splitlines()[-1].split()[-2:] == ["0.423", "0.423"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([BM25], "at least two"),
        ([BM25, BM25], "given twice"),
        ([BM25, COLBERT, "--alpha", "1.5"], "--alpha 1.5"),
        ([BM25, COLBERT, "--alpha", "nan"], "--alpha nan"),
        ([BM25, COLBERT, "--alpha", "0"], "--alpha 0"),
        ([BM25, COLBERT, "--measure", "Foo@10"], "Foo@10"),
        ([BM25, "absent.trec"], "absent.trec"),
    ],
)
def test_bad_input_is_one_line_and_status_2(arguments, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main([*arguments, "--qrels", QRELS, "--json", "out.json"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: ") and printed.err.count("\n") == 1 and said in printed.err
    assert list(tmp_path.iterdir()) == []


def test_the_example_in_the_help_works_as_pasted():
    example = parser().epilog.split(":\n", 1)[1].split("\n\n")[0].replace("\\\n", " ")
    words = shlex.split(example)
    assert words[:3] == ["python", "-m", "lce_tf.compare"]
    done = subprocess.run([sys.executable, *words[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "nDCG@10" in done.stdout
