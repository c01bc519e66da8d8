"""The command for curves."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lce_tf.curve import main
from lce_tf.reranking.rerank import rerank
from tests.studies.conftest import checkpoints, config, data, judged  # noqa: F401  (fixtures)


def test_table_figure_and_points(config, judged, tmp_path, monkeypatch, capsys):  # noqa: F811
    rerank(replace(config, depth=10))
    monkeypatch.chdir(tmp_path)
    options = ["--qrels", str(judged), "--depths", "0,5,10", "--figure", "c.svg", "--json", "c.json"]
    assert main([config.output, *options]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == "run depth pairs pairs a query seconds nDCG@10".split()
    assert [line[1:4] for line in lines[1:]] == [["0", "0", "0.0"], ["5", "25", "5.0"], ["10", "50", "10.0"]]
    points = json.loads(Path("c.json").read_text())["points"]
    assert [f"{point['value']:.4f}" for point in points] == [line[-1] for line in lines[1:]]
    assert Path("c.svg").read_text().startswith("<?xml")


def test_what_is_wrong_is_one_line(config, judged, capsys, tmp_path):  # noqa: F811
    assert main([config.run, "--qrels", str(judged), "--figure", str(tmp_path / "c.svg")]) == 2
    out, error = capsys.readouterr()
    assert out == "" and "in.trec: has no manifest" in error and error.count("\n") == 1
    assert not (tmp_path / "c.svg").exists()


def test_there_is_no_format_to_give(capsys):
    """The runs of lce rerank have one, and that of the run behind each is in its manifest."""
    with pytest.raises(SystemExit):
        main(["run.trec", "--qrels", "qrels.txt", "--format", "scores"])
    assert "--format" in capsys.readouterr().err
