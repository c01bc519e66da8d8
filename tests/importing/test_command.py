"""`lce import`: what it prints, and its one-line errors with file and line."""

import importlib
import json

import pytest

from lce_tf import cli
from lce_tf.data.qrels import read_qrels
from lce_tf.data.runs import read_run
from lce_tf.importing.formats import FORMATS

program = importlib.import_module("lce_tf.import")


def test_it_writes_a_folder_and_says_what_is_in_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.jsonl").write_text(json.dumps({"query": "a", "pos": ["p"], "neg": ["n", "m"]}) + "\n")
    assert cli.main(["import", "rows.jsonl", "--output", "mine", "--split", "dev"]) == 0
    assert sorted(path.name for path in (tmp_path / "mine").rglob("*") if path.is_file()) == [
        "corpus.jsonl",
        "dev.trec",
        "dev.tsv",
        "queries.jsonl",
    ]
    assert capsys.readouterr().out.splitlines() == [
        "rows: 1 of FlagEmbedding",
        "1 queries, 3 passages, 1 relevant pairs: mine",
        "negatives of 1 queries, 2 to 2 each, median 2: mine/dev.trec",
    ]


def test_help_lists_the_formats(capsys):
    with pytest.raises(SystemExit):
        program.main(["--help"])
    shown = capsys.readouterr().out
    assert all(f"{one.name}: {one.needed()}" in shown for one in FORMATS)


def test_queries_of_what_was_imported_can_be_held_out(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = [json.dumps({"query": f"a{i}", "pos": [f"p{i}"], "neg": ["n", "m"]}) + "\n" for i in range(6)]
    (tmp_path / "rows.jsonl").write_text("".join(lines))
    assert cli.main(["import", "rows.jsonl", "--output", "mine"]) == 0
    flags = ["--dataset", "mine", "--held-out", "2", "--with-relevant", "--output", "lists"]
    assert cli.main(["holdout", "mine/train.trec", *flags]) == 0
    assert [len(read_run(f"lists.{part}.trec")) for part in ("rest", "held")] == [8, 6]
    qrels, held = read_qrels("lists.held.qrels.txt"), read_run("lists.held.trec").as_dict()
    assert {query: [*held[query]][-1:] for query in held} == {query: [*judged] for query, judged in qrels.items()}
