"""Pieces by name: found by their files, read without being imported, or named by a class path."""

import argparse
import subprocess
import sys
from pathlib import Path

import pytest

from lce_tf.errors import UserError
from lce_tf.losses import LOSSES
from lce_tf.losses.facts import LossFacts

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", LOSSES)
def test_what_is_read_from_a_file_is_what_the_class_has(name):
    stated, loaded = LOSSES.about(name), LOSSES[name]
    facts = [fact for fact in vars(LossFacts) if not fact.startswith("_")]
    assert {fact: getattr(stated, fact) for fact in facts} == {fact: getattr(loaded, fact) for fact in facts}
    assert stated.key == name and stated.help and "\n" not in stated.help


def test_reading_names_and_help_imports_no_tensorflow():
    code = (
        "import sys; from lce_tf.losses import LOSSES; print(*map(LOSSES.about, LOSSES), 'tensorflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "LCELoss" in done.stdout and done.stdout.split()[-1] == "False"


def test_a_class_of_the_users_own_by_its_path(tmp_path, monkeypatch):
    (tmp_path / "my_registry_pieces.py").write_text(
        "from lce_tf.losses.lce import LCELoss\n\n\nclass Mine(LCELoss):\n    least_group = 3\n\n\n"
        "class Other:\n    pass\n"
    )
    (tmp_path / "my_broken_pieces.py").write_text("class Mine(\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert LOSSES["my_registry_pieces.Mine"].least_group == LOSSES.about("my_registry_pieces.Mine").least_group == 3
    for name, message in {
        "my_registry_pieces.Other": "is no subclass of lce_tf.losses.base.RankingLoss",
        "my_registry_pieces.Absent": "cannot be imported",
        "my_broken_pieces.Mine": "cannot be imported ('(' was never closed (my_broken_pieces.py, line 1))",
        "no_such_module.Mine": "cannot be imported (No module named 'no_such_module')",
    }.items():
        with pytest.raises(UserError) as caught:
            LOSSES[name]
        assert str(caught.value).startswith(f"--loss {name}: ") and message in str(caught.value)


@pytest.mark.parametrize("name", ["softmax", "", ".", "a..b", "my-package.Loss"])
def test_an_unknown_name_is_one_line_with_those_known(name):
    with pytest.raises(UserError, match=f"known are {', '.join(LOSSES)}; or give a class"):
        LOSSES[name]
    with pytest.raises(argparse.ArgumentTypeError, match="known are"):
        LOSSES.known(name)


def test_an_installed_piece_by_its_entry_point(tmp_path, monkeypatch, capsys):
    info = tmp_path / "other_losses-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other-losses\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[lce_tf.losses]\nother = lce_tf.losses.hinge:HingeLoss\nbroken = lce_tf.losses.hinge:Absent\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    from lce_tf.foundation.registry import Registry

    found = Registry("lce_tf.losses", "--loss", LossFacts, "lce_tf.losses.base.RankingLoss")
    assert "other" in list(found) and found["other"].__name__ == "HingeLoss" and len(found) == len(LOSSES) + 1
    assert capsys.readouterr().err.count("warning: --loss broken: cannot be imported") == 1
    with pytest.raises(UserError, match="--loss broken: cannot be imported .*Absent"):
        found["broken"]
