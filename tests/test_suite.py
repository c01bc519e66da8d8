"""The command for suites."""

import json
from pathlib import Path

from lce_tf.suite import main
from tests.studies.conftest import checkpoints, config, data, judged  # noqa: F401  (fixtures)
from tests.studies.test_suite import place  # noqa: F401

OPTIONS = ["--sets", "one=./one:dev", "two=./two:dev", "--output", "out", "--precision", "float32"]


def test_tables_and_json(place, capsys):  # noqa: F811
    more = ["--checkpoints", "tiny=model", "--first-stage", "first/{set}.trec", "--depth", "10"]
    assert main([*OPTIONS, *more, "--measures", "nDCG@10,MRR@10"]) == 0
    out = capsys.readouterr().out
    lines = [line.split() for line in out.splitlines()]
    assert lines[0] == ["nDCG@10", "one", "two", "mean"] and lines[2][:2] == ["b", "tiny"]
    assert out.count("judged queries: one 5, two 4") == 2
    found = json.loads(Path("out/suite.json").read_text())
    shown = [f"{found['measures']['nDCG@10']['sets'][name]['tiny']['mean']:.4f}" for name in ("one", "two")]
    assert [cell.partition("^")[0] for cell in lines[2][2:4]] == shown


def test_what_is_wrong_is_one_line(place, capsys):  # noqa: F811
    assert main([*OPTIONS, "--checkpoints", "absent"]) == 2
    out, error = capsys.readouterr()
    assert out == "" and error.startswith("error: absent: no such folder") and error.count("\n") == 1
    assert not Path("out").exists()
