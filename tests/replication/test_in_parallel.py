"""Products of tables made several at once."""

import pickle
import re
from dataclasses import replace

import pytest

from lce_tf.errors import UserError
from lce_tf.foundation.disk import PRODUCT
from lce_tf.foundation.footprint import Footprint
from lce_tf.paper.rows import TABLE1, Table
from lce_tf.replication import items as module
from lce_tf.replication.items import TOKENS, jobs_for, make_products
from lce_tf.replication.presets import PRESETS
from lce_tf.replication.products import Products
from lce_tf.replication.replicate import replicate
from tests.replication.conftest import make_preset


def rows(*labels: str) -> Table:
    kept = [row for row in TABLE1.rows if row.label in labels]
    papers = [replace(row.paper, above=tuple(above for above in row.paper.above if above in labels)) for row in kept]
    return replace(TABLE1, rows=tuple(replace(row, paper=paper) for row, paper in zip(kept, papers, strict=True)))


def test_a_preset_that_names_devices_has_them_alone(monkeypatch):
    monkeypatch.setattr(module, "jobs_here", lambda: 4)
    preset = PRESETS["pydocs"]
    assert jobs_for(preset) == 4
    assert jobs_for(preset.override(devices=2)) == jobs_for(preset.override(strategy="tpu")) == 1


@pytest.fixture
def started(monkeypatch):
    """The tasks that would be run in processes of their own."""
    found = []
    monkeypatch.setattr(module, "run_at_once", lambda tasks, *_: found.extend(tasks))
    return found


def pretend(folder, *names):
    """Records for products that are not there, made from unknown settings."""
    for name in names:
        (folder / name).mkdir(parents=True)
        PRODUCT.write(folder / f"{name}.made.json", {"settings": {}, "seconds": 1.0})


def test_an_item_is_left_where_one_of_its_products_is(tmp_path, monkeypatch, started):
    preset, out = make_preset(tmp_path), tmp_path / "out"
    pretend(out, "first_stage/bm25.dev.trec", "first_stage/bm25.train.trec", "first_stage/dense.dev.trec")
    pretend(out, "models/lce-n8-dense-seed2", "reranked/ce-n1-bm25.on.bm25.trec")
    asked = []
    for name in ("first_stage", "reranked"):
        monkeypatch.setattr(Products, name, lambda self, *what: asked.append(what))
    make_products((rows("a", "b", "1", "8"),), preset, None, out, 2, Footprint())
    longest_first = ["lce-n8-dense", "ce-n1-bm25"]
    assert [task.name for task in started] == ["dense", TOKENS, *longest_first, "lce-n8-dense.on.dense"]
    # Those that are there are asked for, and would be refused if they were made with other settings.
    assert [what[-1] for what in asked] == ["dev", "train", "dev"]
    pickle.dumps(started)


def test_a_product_of_other_settings_is_refused_before_the_others_are_made(tmp_path, monkeypatch, started):
    preset, out = make_preset(tmp_path), tmp_path / "out"
    runs = [f"first_stage/{retriever}.{split}.trec" for retriever in ("bm25", "dense") for split in ("dev", "train")]
    pretend(out, "models/lce-n8-dense", *runs)
    monkeypatch.setattr(Products, "first_stage", lambda self, *_: tmp_path / "small" / "qrels.dev.txt")
    with pytest.raises(UserError, match="models/lce-n8-dense: was made with backbone"):
        make_products((rows("a", "b", "1", "8"),), preset, None, out, 2, Footprint())
    assert not started


@pytest.mark.slow
def test_two_at_once_are_as_one_after_the_other(tmp_path, capfd):
    preset, table = make_preset(tmp_path), rows("a", "b", "1", "8")
    alone = replicate(table, preset, tmp_path / "alone")
    capfd.readouterr()
    work = (table,), preset, None, tmp_path / "both", 2, Footprint()
    make_products(*work)
    said = capfd.readouterr().out
    assert re.search(r"^lce-n8-dense: .*models/lce-n8-dense: [\d.]+ s$", said, re.MULTILINE)
    assert re.search(r"^8 of 8 products are there$", said, re.MULTILINE)
    made = {path: path.stat().st_mtime_ns for path in (tmp_path / "both").rglob("*.trec")}
    assert len(made) == 6
    found = replicate(table, preset, tmp_path / "both")
    assert _without_time(found.markdown()) == _without_time(alone.markdown())
    assert {path: path.stat().st_mtime_ns for path in made} == made
    make_products(*work)  # nothing is left, so no process is started
    assert capfd.readouterr().out == ""


@pytest.mark.slow
def test_an_item_s_fault_is_the_call_s_own(tmp_path):
    preset, table = make_preset(tmp_path), rows("a", "b", "1", "8")
    blocked = tmp_path / "out" / "models" / "ce-n1-bm25"
    blocked.parent.mkdir(parents=True)
    blocked.write_text("in the way")
    with pytest.raises(UserError, match="models/ce-n1-bm25: "):
        make_products((table,), preset, None, tmp_path / "out", 2, Footprint())
    assert (tmp_path / "out" / "models" / "lce-n8-dense.made.json").is_file()
    assert not (tmp_path / "out" / "reranked").exists()


def _without_time(text: str) -> str:
    return re.sub(r"; the times of its products add up to .*", "", text)
