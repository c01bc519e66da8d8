"""The command for averaging checkpoints."""

import shutil

from lce_tf.soup import main
from tests.reranking.conftest import checkpoints  # noqa: F401  (a fixture)


def test_it_works_and_says_so(checkpoints, tmp_path, monkeypatch, capsys):  # noqa: F811
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        shutil.copytree(checkpoints[1], name)
    assert main(["a", "b", "--weights", "1,2", "--output", "out"]) == 0
    assert capsys.readouterr().out == "2 checkpoints averaged: out\n"
    # The average of a checkpoint with itself.
    assert (tmp_path / "out" / "model.safetensors").read_bytes() == (tmp_path / "a/model.safetensors").read_bytes()


def test_what_is_wrong_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["a", "b", "--output", "out"]) == 2
    out, error = capsys.readouterr()
    assert out == "" and error.startswith("error: a: no such folder") and error.count("\n") == 1
    assert not list(tmp_path.iterdir())
