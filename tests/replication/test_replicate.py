"""A table from end to end with a tiny random model: every step is the real one, the rows are some of Table 1's."""

import contextlib
import io
import json
from dataclasses import replace

import pytest

from lce_tf.paper.rows import TABLE1, Printed, Table
from lce_tf.replication import products
from lce_tf.replication.replicate import replicate

SUFFIXES = ("md", "tex", "json", "png", "svg")


# A baseline each, a cited row, and a row of ours for either retriever, one with single pairs and one with groups.
LABELS = ("a", "b", "c", "4", "5")
ROWS = Table(1, TABLE1.title, TABLE1.source, tuple(replace(TABLE1.row(i), paper=Printed(0.3, 0.9)) for i in LABELS))


@pytest.fixture(scope="module")
def table(preset, tmp_path_factory):
    """(report, folder, what was printed)."""
    folder = tmp_path_factory.mktemp("table") / "runs"
    with contextlib.redirect_stdout(io.StringIO()) as said:
        return replicate(ROWS, preset, folder), folder, said.getvalue()


def test_all_files_and_rows_are_there(table):
    report, folder, _ = table
    assert all((folder / f"table1.{suffix}").stat().st_size > 1000 for suffix in SUFFIXES)
    found = json.loads((folder / "table1.json").read_text())
    statuses = {row["label"]: row["status"] for row in found["rows"]}
    assert statuses == {"a": "measured", "b": "measured", "c": "cited", "4": "measured", "5": "measured"}
    # Four measured rows: 4 x 3 / 2 pairs.
    assert found["significance"]["comparisons"] == 6 and found["significance"]["queries"] == 15
    setting = found["setting"]
    assert (setting["queries"], setting["depth"], setting["steps"], setting["backbone"]) == (15, 8, 2, "tiny")
    assert "monoELECTRA" not in str([row["model"] for row in found["rows"] if row["status"] == "measured"])
    assert report.markdown() == (folder / "table1.md").read_text()


def test_what_is_left_is_said_as_products_are_made(table):
    said = [line for line in table[2].splitlines() if "products are there" in line]
    assert len(said) == 8 and said[0].startswith("1 of 8") and said[-1] == "8 of 8 products are there"
    assert "left" in said[-2]


def test_every_product_has_its_record(table):
    names = {path.name.removesuffix(".made.json") for path in table[1].rglob("*.made.json")}
    runs = {f"{role}.{split}.trec" for role in ("bm25", "dense") for split in ("train", "dev")}
    models = {"lce-n8-bm25", "ce-n1-dense"}
    assert names == runs | models | {f"{model}.on.{model.rpartition('-')[2]}.trec" for model in models}


def test_reranking_keeps_the_candidates(table):
    # The top 8 are put in another order, so R@1000 over 40 candidates is the first stage's.
    rows = {row["label"]: row["ours"] for row in json.loads((table[1] / "table1.json").read_text())["rows"]}
    assert rows["4"]["recall"] == rows["a"]["recall"] and rows["5"]["recall"] == rows["b"]["recall"]


def test_a_second_call_makes_nothing_and_gives_the_same_bytes(table, preset, monkeypatch):
    def made_again(*_, **__):
        raise AssertionError("made again")

    monkeypatch.setattr(products, "train", made_again)
    monkeypatch.setattr(products, "rerank", made_again)
    monkeypatch.setattr(products.Products, "_retrieve", made_again)
    folder = table[1]
    before = {suffix: (folder / f"table1.{suffix}").read_bytes() for suffix in SUFFIXES}
    replicate(ROWS, preset, folder)
    assert {suffix: (folder / f"table1.{suffix}").read_bytes() for suffix in SUFFIXES} == before
    records = list(folder.rglob("*.made.json"))
    for record in records:
        record.write_text(json.dumps({**json.loads(record.read_text()), "seconds": 10.0}))
    again = replicate(ROWS, preset, folder)
    assert len(records) == 8 and again.setting.wall_seconds == 80  # each counts once
