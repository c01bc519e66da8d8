"""Further sets from end to end with a tiny random model, against nDCG by its definition."""

import json
import math
import shutil
from dataclasses import replace

import pytest

from lce_tf.data.runs import read_run
from lce_tf.paper.rows import TABLE1, Printed, Table
from lce_tf.replication import products
from lce_tf.replication.items import items_of, run_items
from lce_tf.replication.replicate import replicate

pytestmark = pytest.mark.slow

ROWS = Table(1, TABLE1.title, TABLE1.source, tuple(replace(TABLE1.row(i), paper=Printed(0.3, 0.9)) for i in ("a", "4")))

# Three of TREC's four queries are judged: by grades, by one below 2, and by none that is relevant.
JUDGED = {"t1": {"p1": 3, "p2": 2, "p3": 1, "p4": 0}, "t2": {"p7": 1}, "t3": {"p9": 0}}


def ndcg(ranking, grades):
    """Järvelin and Kekäläinen's, with the grade as the gain and log2(rank + 1) as the discount, cut at 10."""

    def dcg(gains):
        return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains[:10], 1))

    best = dcg(sorted(grades.values(), reverse=True))
    return dcg([grades.get(passage, 0) for passage in ranking]) / best if best else 0.0


@pytest.fixture(scope="module")
def table(preset, tmp_path_factory):
    folder = tmp_path_factory.mktemp("further")
    data, other = folder / "data", folder / "other"
    shutil.copytree(preset.dataset, data)
    texts = dict(line.split("\t") for line in (data / "collection.tsv").read_text().splitlines())
    queries = {f"t{i}": " ".join(texts[f"p{i}"].split()[:3]) for i in (1, 2, 3, 4)}
    (data / "msmarco-test2019-queries.tsv").write_text("".join(f"{q}\t{text}\n" for q, text in queries.items()))
    rows = [f"{q} Q0 {p} {grade}\n" for q, grades in JUDGED.items() for p, grade in grades.items()]
    (data / "2019qrels-pass.txt").write_text("".join(rows))
    other.mkdir()
    (other / "collection.tsv").write_text("".join(f"x{i}\t{texts[f'p{i}']}\n" for i in range(12)))
    (other / "queries.test.tsv").write_text(f"z\t{texts['p5']}\n")
    (other / "qrels.test.txt").write_text("z 0 x5 1\n")
    changed = replace(preset, dataset=str(data), training=replace(preset.training, dataset=str(data)))
    changed = changed.override(also=("dl19", f"{other}:test"))
    return replicate(ROWS, changed, folder / "runs"), folder / "runs", changed


def test_the_columns_hold_ndcg_by_its_definition(table):
    report, folder, _ = table
    found = {row["label"]: row["ours"]["per_query"]["also"]["DL 2019"] for row in report.as_json()["rows"]}
    for label, name in (("a", "first_stage/bm25.dl19"), ("4", "reranked/lce-n8-bm25.on.bm25.dl19")):
        run = read_run(folder / f"{name}.trec").as_dict()
        assert set(run) == {"t1", "t2", "t3"}  # t4 is not judged
        rankings = {query: sorted(scores, key=scores.get, reverse=True) for query, scores in run.items()}
        for query, grades in JUDGED.items():
            assert found[label]["nDCG@10"][query] == pytest.approx(ndcg(rankings[query], grades), abs=1e-6)
        first = next((i for i, p in enumerate(rankings["t1"][:10], 1) if JUDGED["t1"].get(p, 0) >= 2), None)
        assert found[label]["RR(rel=2)@10"] == pytest.approx({"t1": 1 / first if first else 0, "t2": 0, "t3": 0})
    assert found["a"]["nDCG@10"] != found["4"]["nDCG@10"]
    line = report.lines[0]
    assert line.also["DL 2019"]["nDCG@10"] == pytest.approx(sum(found["a"]["nDCG@10"].values()) / 3)


def test_another_collection_is_indexed_and_reranked_like_the_presets(table):
    report, folder, _ = table
    first = read_run(folder / "first_stage" / "bm25.also.other-test.trec").as_dict()["z"]
    again = read_run(folder / "reranked" / "lce-n8-bm25.on.bm25.also.other-test.trec").as_dict()["z"]
    assert max(first, key=first.get) == "x5" and set(first) == set(again) and set(first) <= {f"x{i}" for i in range(12)}
    assert report.lines[0].also["other:test"] == {"nDCG@10": 1.0, "RR@10": 1.0, "AP": 1.0}
    text = (folder / "table1.md").read_text()
    assert "nDCG@10 DL 2019 | nDCG@10 other:test" in text and "DL 2019 (dl19): 3 judged queries" in text


def test_products_are_recorded_and_made_once(table, monkeypatch):
    _, folder, preset = table
    names = {path.name.removesuffix(".made.json") for path in folder.rglob("*.made.json")}
    assert {"bm25.dl19.trec", "lce-n8-bm25.on.bm25.dl19.trec", "bm25.also.other-test.trec"} <= names
    recorded = json.loads((folder / "first_stage" / "bm25.dl19.trec.made.json").read_text())["settings"]
    assert recorded["split"] == "dl19" and "queries" not in recorded and len(recorded["qrels_sha256"]) == 64

    def made_again(*_, **__):
        raise AssertionError("made again")

    monkeypatch.setattr(products, "train", made_again)
    monkeypatch.setattr(products, "rerank", made_again)
    monkeypatch.setattr(products.Products, "_retrieve", made_again)
    for items in items_of([ROWS], preset).values():
        run_items(items, folder)  # the token stores, of both collections, are made here if anything is
