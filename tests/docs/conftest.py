"""A folder in which the commands of the how-to pages run as they stand, on a data set and models of their size."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.training.conftest import make_backbone, make_data

ROOT = Path(__file__).parents[2]
# Later options override a command's own: a page's backbones and steps would take hours. A backbone that the page has
# trained itself is kept.
SMALL = "$length --batch 4 --sequence-length 256 --query-length 8 --precision float32"
WRAPPER = f"""#!/bin/sh
case "$*" in *"--epochs "*) length="--epochs 0.2" ;; *) length="--steps 2" ;; esac
case "$1" in train|audit|mine|search)
  case "$*" in *"--backbone models/"*) ;; *) set -- "$@" --backbone "{{backbone}}" ;; esac
esac
case "$1" in train)
  case "$*" in *"--batch 2 "*) set -- "$@" {SMALL} --batch 2 ;; *) set -- "$@" {SMALL} ;; esac
esac
case "$1" in search)
  set -- "$@" --sequence-length 256 --query-length 8 --precision float32 --pairs 64 --held-out 20 ;;
esac
case "$1" in holdout) set -- "$@" --held-out 4 ;; esac
case "$1" in mine|distil) set -- "$@" {SMALL} ;; esac
exec {sys.executable} -m lce_tf "$@"
"""


class Place:
    """Where a page's commands run: `mine`, a data set; `lce` on the path."""

    def __init__(self, folder: Path):
        self.folder = folder
        make_data(folder / "mine", queries=40)
        backbone = make_backbone(folder / "backbone", dropout=0.1, max_position_embeddings=512, num_hidden_layers=4)
        (folder / "bin").mkdir()
        (folder / "bin" / "lce").write_text(WRAPPER.format(backbone=backbone))
        (folder / "bin" / "lce").chmod(0o755)
        path = f"{folder / 'bin'}:{os.environ['PATH']}"
        self.environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}

    def run(self, commands: str) -> str:
        """What a block of shell commands prints."""
        done = subprocess.run(
            ["bash", "-ec", commands], cwd=self.folder, env=self.environment, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{commands}\n{done.stdout[-500:]}\n{done.stderr[-1500:]}"
        return done.stdout


@pytest.fixture(scope="session")
def blocks():
    """(page, language) -> the page's code blocks in that language."""

    def found(page: str, language: str) -> list[str]:
        text = (ROOT / page).read_text(encoding="utf-8")
        return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)

    return found


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Place:
    return Place(tmp_path_factory.mktemp("place"))
