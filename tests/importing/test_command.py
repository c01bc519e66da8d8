"""`lce import`: what it prints, and its one-line errors with file and line."""

import importlib
import json

import pytest

from lce_tf import cli
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
