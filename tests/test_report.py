"""The report command: real runs with trec_eval's own figures, and its errors."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from lce_tf.report import main, parser
from tests.reporting.conftest import fill, write_run, write_training
from tests.reporting.reading import Page

ROOT = Path(__file__).parents[1]
FILES = ROOT / "tests" / "files"
QRELS, BM25, COLBERT = (str(FILES / f"dl19.{name}.gz") for name in ("qrels.txt", "bm25.trec", "colbert.trec"))


def test_two_real_runs(tmp_path, capsys):
    out = tmp_path / "new" / "report.html"
    flags = ["--qrels", QRELS, "--first-stage", BM25, "--measures", "nDCG@10", "--alpha", "0.5", "--output", str(out)]
    assert main([COLBERT, *flags]) == 0
    assert capsys.readouterr().out == f"2 runs, 0 trainings, 8 queries: {out}\n"
    page = Page(out.read_text(encoding="utf-8"))
    # The means that trec_eval prints; see tests/test_compare.py.
    measures = page.tables["measures"][0]
    assert [row[1:3] for row in measures[1:]] == [["dl19.bm25.trec.gz", "0.4140"], ["dl19.colbert.trec.gz", "0.6446a"]]
    # Two of the eight values fall, see the same place.
    assert "6 better, 2 worse, 0 the same." in page.text
    losses = [text for text in page.summaries if text.startswith("-")]
    assert [text.split()[:4] for text in losses] == [
        ["-0.3978", "0.7333", "→", "0.3355"],
        ["-0.1261", "0.3057", "→", "0.1796"],
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("new.trec --qrels qrels.txt", "new.trec: what does it rerank?"),
        ("new.trec --first-stage first.trec", "new.trec: by which judgments?"),
        ("absent.trec --qrels qrels.txt --first-stage first.trec", "absent.trec: no such file"),
        ("new.trec --qrels qrels.txt --first-stage absent.trec", "absent.trec: no such file"),
        ("new.trec new.trec --qrels qrels.txt --first-stage first.trec", "new.trec: is given twice"),
        ("new.trec --qrels absent.txt --first-stage first.trec", "absent.txt: no such file"),
        ("new.trec --qrels qrels.txt --split dev --first-stage first.trec", "--split dev"),
        ("empty --qrels qrels.txt", "empty: holds neither a training"),
        ("lce8 --qrels qrels.txt", "lce8: is a training without a run"),
        ("odd --qrels qrels.txt --first-stage first.trec", "odd/manifest.json: is not what lce train writes"),
        ("text --qrels qrels.txt --first-stage first.trec", "text/metrics.jsonl: loss is 'high' at step 1"),
        ("qrels.txt --qrels qrels.txt --first-stage first.trec", "qrels.txt:1: 4 column(s)"),
        ("strange.trec --qrels qrels.txt --first-stage first.trec", "strange.trec: holds none of the judged queries"),
        ("new.trec --qrels qrels.txt --first-stage first.trec --measures Foo@10", "Foo@10"),
        ("new.trec --qrels qrels.txt --first-stage first.trec --alpha 0", "--alpha 0"),
        ("new.trec --qrels qrels.txt --first-stage first.trec --queries-shown -1", "--queries-shown -1"),
        ("new.trec --qrels qrels.txt --first-stage first.trec --passages-shown 0", "--passages-shown 0"),
        ("new.trec --qrels qrels.txt --first-stage first.trec --characters 0", "--characters 0"),
        ("new.trec --qrels qrels.txt --first-stage first.trec --queries absent.tsv", "absent.tsv: no such file"),
        ("new.trec --qrels qrels.txt --first-stage first.trec --collection qrels.txt", "qrels.txt:1: "),
        ("new.trec --qrels qrels.txt --first-stage first.trec --output empty", "empty: is a folder"),
    ],
)
def test_bad_input_is_one_line_and_status_2(tmp_path, monkeypatch, arguments, said, capsys):
    fill(tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    write_training(tmp_path / "odd", group="eight")
    write_training(tmp_path / "text")
    (tmp_path / "text" / "metrics.jsonl").write_text('{"step": 1, "loss": "high"}\n')
    write_run(tmp_path / "strange.trec", {"q7": "p1"})
    before = sorted(tmp_path.iterdir())
    # The last --output counts.
    assert main(["--output", "report.html", *arguments.split()]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: ") and printed.err.count("\n") == 1 and said in printed.err
    assert sorted(tmp_path.iterdir()) == before


def test_the_example_in_the_help_works_as_pasted(tmp_path):
    example = parser().epilog.split(":\n", 1)[1].split("\n\n")[0].replace("\\\n", " ")
    words = shlex.split(example)
    assert words[:3] == ["python", "-m", "lce_tf.report"]
    words[words.index("--output") + 1] = str(tmp_path / "report.html")
    done = subprocess.run([sys.executable, *words[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "nDCG@10" in (tmp_path / "report.html").read_text(encoding="utf-8")
