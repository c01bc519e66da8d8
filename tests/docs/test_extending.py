"""docs/extending.md: with ordinary commands its loss trains, its retriever retrieves, its setting becomes an option."""

import re
import sys

import pytest

from lce_tf.data.runs import read_run

PAGE = "docs/extending.md"


@pytest.fixture
def written(blocks, place):
    """The page's files by name, each written under the name in its first line."""
    files = {re.match(r"# (\S+\.py)\n", block)[1]: block for block in blocks(PAGE, "python")}
    for name, block in files.items():
        (place.folder / name).write_text(block)
    return files


@pytest.mark.slow
def test_the_loss_trains(blocks, place, written):
    place.run("lce retrieve bm25 --dataset mine --split train --depth 200 --output bm25.train.trec")
    place.run(blocks(PAGE, "bash")[0])
    assert (place.folder / "models" / "logistic" / "model.safetensors").is_file()


def test_the_retriever_retrieves(blocks, place, written):
    place.run(blocks(PAGE, "bash")[1])
    run = read_run(place.folder / "overlap.dev.trec")
    assert len(run.query_ids) and run.tag == "overlap"


def test_the_setting_is_an_option(place, written):
    assert place.run(f"{sys.executable} my_setting.py") == "0.1\n"


def test_the_loss_is_short(written):
    body = [line for line in written["my_losses.py"].splitlines() if line and not line.startswith("#")]
    assert len(body) <= 10
