"""The demo: its lines, and a small one from end to end."""

from pathlib import Path

import pytest

from lce_tf import demo as program
from lce_tf.evaluation.significance import compare
from lce_tf.replication.demo import AFTER, BEFORE, Demo
from tests.reporting.reading import Page


def test_the_lines_say_what_changed():
    values = {BEFORE: {"q1": 0.5, "q2": 0.0, "q3": 1.0}, AFTER: {"q1": 1.0, "q2": 0.5, "q3": 0.5}}
    first, second = Demo(Path("runs/demo/report.html"), compare(values), 2, 1).text().splitlines()
    assert first.startswith(
        "MRR@10 over 3 queries: BM25 0.500, reranked by the cross-encoder 0.667 (paired t-test: p = "
    )
    assert first.endswith("; 2 better, 1 worse")
    assert second == "the queries and their passages, side by side: runs/demo/report.html"


@pytest.mark.slow
def test_a_small_one_is_made_once(tmp_path, capsys, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    command = ["--preset", "smoke", "--output", str(tmp_path / "out"), "--open"]
    assert program.main(command) == 0
    *made, measured, where, footprint = capsys.readouterr().out.splitlines()
    page = tmp_path / "out" / "report.html"
    assert sum(str(tmp_path) in line for line in made) >= 4 and measured.startswith("MRR@10 over 40 queries: BM25 0.")
    assert where.endswith(f": {page}") and "GB of memory at most" in footprint
    assert opened == [page.as_uri()]
    shown = Page(page.read_text(encoding="utf-8"))
    assert "40 judged queries, from pydocs, dev" in shown.text and len(shown.tables["changes"]) % 2 == 0
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "out").rglob("*.trec")}
    assert program.main(command) == 0
    assert {file: file.stat().st_mtime_ns for file in before} == before
