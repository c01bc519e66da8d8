"""docs/extending.md: with ordinary commands its loss trains, its retriever retrieves, its setting becomes an option."""

import json
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
def test_the_loss_trains_and_the_engine_scores(blocks, place, written):
    place.run("lce retrieve bm25 --dataset mine --split train --depth 200 --output bm25.train.trec")
    place.run(blocks(PAGE, "bash")[0])
    (place.folder / "lce8").symlink_to("models/logistic")
    place.run("lce retrieve bm25 --dataset mine --split dev --depth 20 --output bm25.dev.trec")
    place.run(blocks(PAGE, "bash")[3])
    assert json.loads((place.folder / "small.trec.json").read_text())["engine"] == "my_engines.Small"


def test_the_retriever_retrieves(blocks, place, written):
    place.run(blocks(PAGE, "bash")[1])
    run = read_run(place.folder / "overlap.dev.trec")
    assert len(run.query_ids) and run.tag == "overlap"


def test_the_layout_is_read(blocks, place, written):
    texts = {"p1": "the moon is far away", "p2": "cheese is made of milk"}
    (place.folder / "one").mkdir()
    data = {"passages": texts, "queries": {"q1": "how far is the moon"}, "qrels": {"q1": {"p1": 1}}}
    (place.folder / "one" / "data.json").write_text(json.dumps(data))
    place.run(blocks(PAGE, "bash")[2])
    assert read_run(place.folder / "one.trec").passage_ids[0] == b"p1"


def test_the_setting_is_an_option(place, written):
    assert place.run(f"{sys.executable} my_setting.py") == "0.1\n"


def test_the_loss_is_short(written):
    body = [line for line in written["my_losses.py"].splitlines() if line and not line.startswith("#")]
    assert len(body) <= 10
