"""The arguments of a report: runs with their trainings, and folders of tables."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lce_tf.errors import UserError
from lce_tf.reporting.measured import measure
from lce_tf.reporting.sources import gather
from tests.reporting.conftest import RERANKED, write_run, write_training


def test_a_run_finds_the_training_named_beside_it(place):
    first, new = gather(["new.trec"], "first.trec").entries
    assert (first.name, first.first_stage, first.training) == ("first.trec", None, None)
    assert (new.name, new.first_stage, new.training.name) == ("new.trec", "first.trec", "lce8")
    assert new.training.group == 8 and new.training.curves["Loss"] == [(1, 2.0), (2, None), (3, 1.0)]


def test_a_relative_checkpoint_counts_from_above_the_run(place, monkeypatch):
    (place / "reranked").mkdir()
    for name in ("new.trec", "new.trec.json"):
        (place / name).rename(place / "reranked" / name)
    elsewhere = place / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert gather(["../reranked/new.trec"], "../first.trec").entries[1].training.name == "lce8"


def test_a_training_that_was_moved_is_known_by_its_name(place):
    (place / "lce8").rename(place / "kept")
    assert gather(["new.trec"], "first.trec").entries[1].training is None
    write_training(place / "moved" / "lce8", group=4)
    sources = gather(["new.trec", "moved/lce8", "kept"], "first.trec")
    assert sources.entries[1].training.group == 4
    assert [training.name for training in sources.trainings] == ["lce8", "kept"]


def test_the_first_stage_among_the_runs_counts_once(place):
    assert [entry.name for entry in gather(["first.trec", "new.trec"], "first.trec").entries] == [
        "first.trec",
        "new.trec",
    ]


def test_another_first_stage_than_the_run_was_made_from_is_noted(place, capsys):
    (place / "new.trec.json").write_text(json.dumps({"checkpoint": "lce8", "run_sha256": "0" * 64}))
    measure(gather(["new.trec"], "first.trec").entries, {"q1": {"p1": 1}}, ["MRR@10"], 0, 1)
    assert capsys.readouterr().err.splitlines()[-1:] == ["note: new.trec: was made from another run than first.trec"]


def write_tables(folder: Path) -> Path:
    """A folder of tables with a baseline and two seeds of one row, in the layout that the slow test below checks."""
    for name in ("first_stage", "reranked"):
        (folder / name).mkdir(parents=True)
    write_run(folder / "first_stage" / "bm25.dev.trec", {"q1": "p9 p1"})
    for seed, name in ((42, "lce-n8-bm25"), (7, "lce-n8-bm25-seed7"), (8, "lce-n8-bm25-seed8")):
        write_run(folder / "reranked" / f"{name}.on.bm25.trec", RERANKED)
        write_training(folder / "models" / name, seed=seed)
    queries = {"per_query": {"mrr": {"q1": 1.0, "q2": 0.5}}}
    rows = [
        {"label": "a", "status": "measured", "first_stage": "bm25", "checkpoint": None, "ours": queries},
        {"label": "c", "status": "cited", "first_stage": "bm25", "checkpoint": None, "ours": None},
        {"label": "4", "status": "measured", "first_stage": "bm25", "checkpoint": "lce-n8-bm25", "ours": queries},
    ]
    setting = {"dataset": "pydocs (6% of it)", "split": "dev", "seeds": [42, 7]}
    (folder / "table1.json").write_text(json.dumps({"setting": setting, "rows": rows}))
    return folder


def test_tables_bring_their_runs_and_queries(tmp_path):
    sources = gather([str(write_tables(tmp_path / "runs"))], None)
    assert [(entry.name, entry.first_stage, entry.row) for entry in sources.entries] == [
        ("bm25.dev.trec", None, "table1 (a)"),
        ("lce-n8-bm25-seed7.on.bm25.trec", "bm25.dev.trec", "table1 (4)"),
        ("lce-n8-bm25.on.bm25.trec", "bm25.dev.trec", "table1 (4)"),
    ]
    assert sources.tables.queries == ("q1", "q2")
    assert (sources.tables.dataset, sources.tables.split) == ("pydocs (6% of it)", "dev")
    (tmp_path / "runs" / "data").mkdir()
    (tmp_path / "runs" / "data" / "collection.tsv").write_text("p1\ttext\n")
    assert gather([str(tmp_path / "runs")], None).tables.dataset == str(tmp_path / "runs" / "data")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda folder: (folder / "table1.json").write_text("[]"), "table1.json: is not what lce tables writes"),
        (lambda folder: (folder / "table1.json").write_text("{"), "table1.json:1: is not JSON"),
        (
            lambda folder: (folder / "first_stage" / "bm25.dev.trec").unlink(),
            "bm25.dev.trec: no such file, but a table",
        ),
        (
            lambda folder: [path.unlink() for path in (folder / "reranked").iterdir()],
            "lce-n8-bm25.on.bm25.trec: no such file, but table1 (4)",
        ),
        (
            lambda folder: (folder / "models" / "lce-n8-bm25" / "manifest.json").write_text("[]"),
            "manifest.json: is not a JSON object, which a training's manifest is",
        ),
    ],
)
def test_damaged_tables_are_refused(tmp_path, change, said):
    folder = write_tables(tmp_path / "runs")
    change(folder)
    with pytest.raises(UserError) as refused:
        gather([str(folder)], None)
    assert said in str(refused.value)


@pytest.mark.slow
def test_what_lce_tables_writes_is_what_is_read(tmp_path, capsys):
    from lce_tf.data.runs import read_run
    from lce_tf.paper.rows import TABLES
    from lce_tf.replication.replicate import replicate
    from lce_tf.report import main
    from tests.replication.conftest import make_preset
    from tests.reporting.reading import Page

    table = TABLES["table1"]
    rows = [replace(row, paper=replace(row.paper, above=())) for row in table.rows if row.label in ("a", "3", "4")]
    table = replace(table, rows=tuple(rows))
    replicate(table, make_preset(tmp_path / "preset"), tmp_path / "runs", seeds=(42, 7))
    assert main([str(tmp_path / "runs"), "--output", str(tmp_path / "report.html")]) == 0, capsys.readouterr().err
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    rows = page.tables["measures"][0][1:]
    assert len(rows) == 5 and len(read_run(tmp_path / "runs" / "first_stage" / "bm25.dev.trec").query_ids) <= 15
    values = json.loads((tmp_path / "runs" / "table1.json").read_text())["rows"]
    assert rows[0][2][:6] == f"{values[0]['ours']['mrr']:.4f}"
    assert {row[-1] for row in rows} == {"–", "lce, n = 2", "lce, n = 8"}
    assert "15 judged queries, from" in page.text and "river" in page.text  # texts come along
