"""Products without their cost: retrieval, training and reranking are stood in for by functions that count calls."""

import json
import shutil
from collections import Counter
from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest

from lce_tf.data.runs import Run, read_run
from lce_tf.errors import UserError
from lce_tf.foundation.disk import PRODUCT
from lce_tf.foundation.settings import setting
from lce_tf.foundation.steps import record_of
from lce_tf.paper.rows import Checkpoint
from lce_tf.replication import products as module
from lce_tf.replication.products import Products
from lce_tf.retrieval.retriever import Retriever

LCE, CE = Checkpoint("bm25", "lce", 4), Checkpoint("dense", "ce", 1)


@pytest.fixture
def made(monkeypatch):
    """How often each maker was called; the runs rank p0, p1, ... for every query."""
    calls = Counter()

    def retrieve(self, retriever, split, depth):
        calls[f"{retriever.key}.{split}"] += 1
        _, dataset, name = self.located(split)
        queries = list(dataset.queries(name))
        ids = np.array([f"p{i}".encode() for i in range(depth)] * len(queries))
        scores = np.array([float(depth - i) for i in range(depth)] * len(queries))
        offsets = np.arange(len(queries) + 1) * depth
        return Run(np.array([q.encode() for q in queries]), offsets, ids, scores, retriever.key)

    def train(config, path):
        calls["train"] += 1
        path.mkdir(parents=True)
        (path / "config.json").write_text(json.dumps({"seed": config.seed, "loss": config.loss}))

    def rerank(config):
        calls["rerank"] += 1
        with open(config.output, "wb") as file, open(config.run, "rb") as source:
            file.write(source.read())

    monkeypatch.setattr(Products, "_retrieve", retrieve)
    monkeypatch.setattr(module, "train", train)
    monkeypatch.setattr(module, "rerank", rerank)
    monkeypatch.setattr(module.checkpoint, "identity", lambda folder: (folder / "config.json").read_text())
    return calls


@dataclass(frozen=True)
class InOrder(Retriever):
    """The passages as the collection has them."""

    first: int = setting(0, "passage to begin with")

    def search(self, dataset, split, depth, threads, judged):
        ids = [passage.passage_id.encode() for passage in dataset.passages()][self.first : self.first + depth]
        queries = np.array([query_id.encode() for query_id in dataset.queries(split)])
        offsets, scores = np.arange(len(queries) + 1) * len(ids), np.tile(-np.arange(float(len(ids))), len(queries))
        return Run(queries, offsets, np.array(ids * len(queries)), scores, "in-order")


def test_another_retriever_is_named_by_its_class(preset, tmp_path):
    name = f"{__name__}.InOrder"
    path = Products(preset, tmp_path).first_stage(name, "train")
    assert path.name == f"{name}.train.trec" and read_run(path).passage_ids[:3].tolist() == [b"p0", b"p1", b"p2"]
    assert PRODUCT.read(record_of(path))["settings"]["first"] == 0
    with pytest.raises(UserError, match="'spell': known are bm25, dense"):
        Products(preset, tmp_path).first_stage("spell", "train")


def test_each_is_made_once(preset, tmp_path, made):
    for _ in range(2):  # the second time as another call would
        products = Products(preset, tmp_path / "out")
        (tmp_path / "out" / "reranked").mkdir(parents=True, exist_ok=True)
        path = products.reranked(LCE, "bm25", 42)
        products.reranked(LCE, "dense", 42)
        products.reranked(CE, "dense", 42)
    assert made == {"bm25.train": 1, "dense.train": 1, "bm25.dev": 1, "dense.dev": 1, "train": 2, "rerank": 3}
    assert path == tmp_path / "out" / "reranked" / "lce-n4-bm25.on.bm25.trec"
    assert (tmp_path / "out" / "models" / "ce-n1-dense.made.json").is_file()


def test_the_default_seed_goes_without_saying(preset, tmp_path, made):
    products = Products(preset, tmp_path)
    paths = [products.trained(LCE, seed).name for seed in (42, 7)]
    assert paths == ["lce-n4-bm25", "lce-n4-bm25-seed7"] and made["train"] == 2


def test_first_stage_runs_have_their_depths_and_queries(preset, tmp_path, made):
    products = Products(preset, tmp_path)
    train, dev = (read_run(products.first_stage("bm25", split)) for split in ("train", "dev"))
    assert len(train.query_ids) == 20 and len(train) == 20 * 30
    assert len(dev.query_ids) == 15 and len(dev) == 15 * 40
    # The first by id: dev0, dev1, dev10, ..., dev19, dev2, dev3, dev4.
    assert {query.decode() for query in dev.query_ids} == set(products.qrels())
    assert list(products.qrels())[:4] == ["dev0", "dev1", "dev10", "dev11"] and len(products.qrels()) == 15


@pytest.mark.parametrize(
    ("changes", "training", "message"),
    [
        ({"queries": 10}, {}, "bm25.dev.trec: was made with queries 15, not 10"),
        ({"candidates": 20}, {}, "bm25.dev.trec: was made with depth 40, not 20"),
        ({"depth": 5}, {}, "lce-n4-bm25.on.bm25.trec: was made with depth 8, not 5"),
        ({}, {"steps": 3}, "lce-n4-bm25: was made with steps 2, not 3"),
        ({}, {"learning_rate": 1e-4}, "lce-n4-bm25: was made with learning_rate 0.001, not 0.0001"),
        ({}, {"negatives_depth": 20}, "bm25.train.trec: was made with depth 30, not 20"),
    ],
)
def test_other_settings_are_refused_by_name(preset, tmp_path, made, changes, training, message):
    (tmp_path / "reranked").mkdir()
    Products(preset, tmp_path).reranked(LCE, "bm25", 42)
    before, calls = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}, made.copy()
    other = replace(preset, training=replace(preset.training, **training), **changes)
    with pytest.raises(UserError, match="choose another --output") as caught:
        Products(other, tmp_path).reranked(LCE, "bm25", 42)
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before and made == calls


def settings_of(path):
    return PRODUCT.read(record_of(path))["settings"]


def test_another_anserini_is_refused_and_none_is_not(preset, tmp_path, made, monkeypatch):
    path = Products(preset, tmp_path).first_stage("bm25", "dev")
    assert settings_of(path)["anserini"] == module.jvm.anserini_version()
    assert "anserini" not in settings_of(Products(preset, tmp_path).first_stage("dense", "dev"))

    def absent():
        raise UserError("BM25 needs pyserini")

    with monkeypatch.context() as patch:
        patch.setattr(module.jvm, "anserini_version", absent)
        assert Products(preset, tmp_path).first_stage("bm25", "dev") == path  # it is there
        train = Products(preset, tmp_path).first_stage("bm25", "train")  # made by something else
        assert "anserini" not in settings_of(train)
    Products(preset, tmp_path).first_stage("bm25", "train")  # as an older record, which has no version
    monkeypatch.setattr(module.jvm, "anserini_version", lambda: "9.9")
    with pytest.raises(UserError, match="bm25.dev.trec: was made with anserini '.*', not '9.9'; choose another"):
        Products(preset, tmp_path).first_stage("bm25", "dev")
    assert made == {"bm25.dev": 1, "dense.dev": 1, "bm25.train": 1}


@pytest.mark.parametrize("training", [True, False])
def test_other_weights_in_the_same_folder_are_refused(preset, tmp_path, made, training):
    model = shutil.copytree(preset.training.backbone, tmp_path / "model")
    if training:
        changed = replace(preset, training=replace(preset.training, backbone=str(model)))
        ask, name = (lambda: Products(changed, tmp_path).trained(LCE, 42)), "backbone"
    else:
        changed = replace(preset, encoder=str(model))
        ask, name = (lambda: Products(changed, tmp_path).first_stage("dense", "dev")), "encoder"
    path = ask()
    assert settings_of(path)[f"{name}_sha256"] == module.hub.weights_sha256(model)
    whole = (model / "config.json").read_text()
    (model / "config.json").write_text(json.dumps({**json.loads(whole), "hidden_act": "relu"}))
    with pytest.raises(UserError, match=f"was made with {name}_config"):
        ask()
    (model / "config.json").write_text(whole)
    with open(model / "model.safetensors", "ab") as file:
        file.write(b"x")
    with pytest.raises(UserError, match=f"was made with {name}_sha256"):
        ask()
    record = PRODUCT.read(record_of(path))
    del record["settings"][f"{name}_sha256"]  # as one that was written before
    PRODUCT.write(record_of(path), {key: record[key] for key in ("settings", "seconds")})
    assert ask() == path


def test_parameters_tuned_on_other_queries_are_refused(preset, tmp_path, made, monkeypatch):
    data = shutil.copytree(preset.dataset, tmp_path / "data")
    tuned = replace(preset, dataset=str(data), bm25=module.TUNE)
    found = tmp_path / "found.json"
    found.write_text(json.dumps({"mean": {"k1": 0.9, "b": 0.4}}))
    monkeypatch.setattr(module.tuning, "tune", lambda *_, **__: SimpleNamespace(path=found))
    monkeypatch.setattr(module.heatmap, "text", lambda found: "")
    assert Products(tuned, tmp_path).bm25_parameters() == (0.9, 0.4)
    with open(data / "qrels.train.txt", "a") as file:
        file.write("train0 0 p9 1\n")
    with pytest.raises(UserError, match="bm25.tuned.json: was made with qrels_sha256"):
        Products(tuned, tmp_path).bm25_parameters()


def test_a_changed_run_is_refused(preset, tmp_path, made):
    (tmp_path / "reranked").mkdir()
    products = Products(preset, tmp_path)
    products.reranked(LCE, "bm25", 42)
    with open(products.first_stage("bm25", "dev"), "a") as file:
        file.write("dev0 Q0 p59 99 0.01 bm25\n")
    with pytest.raises(UserError, match="was made with run_sha256"):
        products.reranked(LCE, "bm25", 42)


def test_further_sets_are_products_like_any_other(preset, tmp_path, made, monkeypatch):
    """A set's own collection is where its run and its queries are looked for; the preset's limit is dev's alone."""
    other = tmp_path / "other"
    shutil.copytree(preset.dataset, other)
    asked = []
    rerank = module.rerank
    monkeypatch.setattr(module, "rerank", lambda config: (asked.append(config), rerank(config)))
    (tmp_path / "reranked").mkdir()
    changed = preset.override(also=(f"{other}:dev",))
    for _ in range(2):
        path = Products(changed, tmp_path).reranked(LCE, "bm25", 42, "also.other-dev")
    assert path.name == "lce-n4-bm25.on.bm25.also.other-dev.trec"
    assert made == {"bm25.train": 1, "bm25.also.other-dev": 1, "train": 1, "rerank": 1}
    assert [(config.dataset, config.split) for config in asked] == [(str(other), "dev")]
    assert len(read_run(path).query_ids) == 20
    record = json.loads((tmp_path / "first_stage" / "bm25.also.other-dev.trec.made.json").read_text())
    assert record["settings"]["collection"].startswith("other-") and "queries" not in record["settings"]


def rewritten(preset, folder, name, old, new):
    """The preset over a copy of its data set, and a function that changes a file of it."""
    data = folder / "data"
    shutil.copytree(preset.dataset, data)

    def change():
        text = (data / name).read_text()
        assert old in text
        (data / name).write_text(text.replace(old, new))

    return replace(preset, dataset=str(data), training=replace(preset.training, dataset=str(data))), change


@pytest.mark.parametrize(
    ("name", "old", "new", "split", "fault"),
    [
        ("queries.dev.tsv", "dev3\t", "dev3\tcopper ", "dev", "queries_sha256"),
        ("qrels.dev.txt", "dev3 0 p23 1", "dev3 0 p29 1", "dev", "qrels_sha256"),
        ("queries.train.tsv", "train3\t", "train3\tcopper ", "train", "queries_sha256"),
        ("qrels.train.txt", "train3 0 p3 1", "train3 0 p9 1", "train", "qrels_sha256"),
    ],
)
def test_changed_queries_and_judgments_are_refused(preset, tmp_path, made, name, old, new, split, fault):
    changed, change = rewritten(preset, tmp_path, name, old, new)
    path = Products(changed, tmp_path / "out").first_stage("bm25", split)
    change()
    with pytest.raises(UserError, match=f"bm25.{split}.trec: was made with {fault} '[0-9a-f]{{64}}', not"):
        Products(changed, tmp_path / "out").first_stage("bm25", split)
    record = path.with_name(f"{path.name}.made.json")
    found = json.loads(record.read_text())
    del found["settings"]["queries_sha256"], found["settings"]["qrels_sha256"]
    record.write_text(json.dumps(found))  # as they were before the hashes were recorded
    assert Products(changed, tmp_path / "out").first_stage("bm25", split) == path and made == {f"bm25.{split}": 1}


def test_queries_beyond_the_first_do_not_matter(preset, tmp_path, made):
    changed, change = rewritten(preset, tmp_path, "queries.dev.tsv", "dev9\t", "dev9\tcopper ")
    for _ in range(2):
        Products(changed, tmp_path / "out").first_stage("bm25", "dev")
        change()
    assert made == {"bm25.dev": 1}


def test_records_without_later_settings_are_accepted(preset, tmp_path, made):
    """A training's record that has never heard of most of today's settings."""
    (tmp_path / "reranked").mkdir()
    path = Products(preset, tmp_path).reranked(LCE, "bm25", 42)
    record = tmp_path / "models" / "lce-n4-bm25.made.json"
    found = json.loads(record.read_text())
    found["settings"] = {key: found["settings"][key] for key in ("steps", "batch", "loss", "run_sha256")}
    record.write_text(json.dumps(found))
    before = made.copy()
    with pytest.raises(UserError, match="lce-n4-bm25: was made with .*, not "):  # 8 stands for the group of 4
        Products(preset, tmp_path).reranked(LCE, "bm25", 42)
    found["settings"] |= {"group": 4, "learning_rate": 1e-3, "backbone": preset.training.backbone}
    found["settings"] |= {"query_length": 8, "sequence_length": 32, "negatives_depth": 30, "precision": "float32"}
    found["settings"] |= {"checkpoint_every": 2, "log_every": 1}
    record.write_text(json.dumps(found))
    assert Products(preset, tmp_path).reranked(LCE, "bm25", 42) == path and made == before


def test_a_half_made_product_is_made_again(preset, tmp_path, made):
    products = Products(preset, tmp_path)
    path = products.first_stage("bm25", "train")
    whole = path.read_bytes()
    path.with_name(f"{path.name}.made.json").unlink()
    path.write_bytes(whole[:100])
    assert products.first_stage("bm25", "train") == path
    assert path.read_bytes() == whole and made["bm25.train"] == 2
    path.unlink()  # a record alone is no product either
    products.first_stage("bm25", "train")
    assert path.read_bytes() == whole and made["bm25.train"] == 3


def test_a_maker_that_fails_leaves_no_record(preset, tmp_path, made, monkeypatch):
    def broken(config, path):
        raise UserError("no")

    monkeypatch.setattr(module, "train", broken)
    with pytest.raises(UserError, match="^no$"):
        Products(preset, tmp_path).trained(LCE, 42)
    assert not list(tmp_path.glob("models/*.made.json"))


def test_a_dev_run_is_made_only_where_training_is_evaluated(preset, tmp_path, made):
    assert Products(preset, tmp_path).train_config(LCE, 42).dev_run is None and "bm25.dev" not in made
    training = replace(preset.training, evaluate_every=1, dev_run="to be made")
    config = Products(replace(preset, training=training), tmp_path).train_config(LCE, 42)
    assert config.dev_run.endswith("bm25.dev.trec") and made["bm25.dev"] == 1
    assert (config.loss, config.group, config.run.endswith("bm25.train.trec")) == ("lce", 4, True)


def test_a_sampled_preset_reads_its_sample(preset, tmp_path, made):
    products = Products(replace(preset, share=0.6), tmp_path)
    assert products.dataset_name == str(tmp_path / "data")
    assert 20 < len(list(products.dataset.passages())) < 50
    assert (tmp_path / "data" / "collection.tsv").is_file()


def test_a_folder_that_cannot_be_made_is_found_before_the_work(preset, tmp_path, made):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="choose another output"):
        Products(preset, tmp_path / "file" / "out").first_stage("bm25", "train")
    assert not made
