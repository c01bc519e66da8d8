"""Plans: what is counted, by hand, and that planning makes nothing."""

import os
import shutil
from dataclasses import asdict, replace

import pytest

from lce_tf import tables
from lce_tf.errors import UserError
from lce_tf.foundation.disk import PRODUCT
from lce_tf.paper.rows import TABLE1, TABLE2, TABLE3, TABLE4, TABLES, Checkpoint
from lce_tf.replication.plan import make_plan
from lce_tf.replication.presets import PRESETS
from lce_tf.replication.replicate import replicate
from lce_tf.replication.timing import measured_rates


def work(plan, phase):
    return {task.product.path.name: task for task in plan.tasks if task.product.phase == phase}


def test_counts_by_hand(preset, tmp_path):
    """2 steps of 2 groups of 8; 15 of 20 dev queries, 8 passages each."""
    plan = make_plan([TABLE2], preset, tmp_path / "runs")
    assert {name: task.pairs for name, task in work(plan, "train").items()} == {"lce-n8-bm25": 32, "lce-n8-dense": 32}
    assert [task.pairs for task in work(plan, "rerank").values()] == [120] * 4
    assert {name: task.detail for name, task in work(plan, "retrieve").items()} == {
        "bm25.train.trec": "20 queries, top 30",
        "bm25.dev.trec": "15 queries, top 40",
        "dense.train.trec": "20 queries, top 30",
        "dense.dev.trec": "15 queries, top 40",
    }
    assert plan.pairs("train") == 64 and plan.pairs("rerank") == 480
    # 64 / 2 + 480 / 10 = 80 seconds.
    assert plan.hours((2, 10)) == pytest.approx(80 / 3600)
    text = plan.text((2.0, 10.0), "given")
    assert "To do: 10 of 10 products; 64 pairs to train, 480 to rerank." in text
    assert "Time: about 80 s at 2 pairs/s in training and 10 in reranking (given)" in text
    assert not (tmp_path / "runs").exists()


def test_what_is_there_is_not_counted(preset, tmp_path):
    (tmp_path / "models" / "lce-n8-bm25").mkdir(parents=True)
    (tmp_path / "models" / "lce-n8-dense").mkdir()
    settings = {**asdict(preset.training), "dataset": "elsewhere", "run": "bm25.trec"}
    record = tmp_path / "models" / "lce-n8-bm25.made.json"
    PRODUCT.write(record, {"settings": settings, "seconds": 1.0})
    plan = make_plan([TABLE2], preset, tmp_path)
    made = {name: task.product.made for name, task in work(plan, "train").items()}
    assert made == {"lce-n8-bm25": True, "lce-n8-dense": False}
    assert work(plan, "train")["lce-n8-dense"].detail.endswith("= 32 pairs, begun")
    assert plan.pairs("train") == 32
    assert "To do: 9 of 10 products" in plan.text(None, "no backbone")
    assert work(plan, "train")["lce-n8-bm25"].detail.endswith("= 32 pairs")
    PRODUCT.write(record, {"settings": {**settings, "batch": 4}, "seconds": 1.0})
    plan = make_plan([TABLE2], preset, tmp_path)
    assert work(plan, "train")["lce-n8-bm25"].detail.endswith("; but was made with batch 4, not 2, and will be refused")


def test_all_tables_take_everything_once(preset, tmp_path):
    """14 checkpoints; reranked are Table 1's 8, Table 2's crossed 2, Table 3's other 7 and the eval run."""
    training = replace(preset.training, negatives_depth=40)
    plan = make_plan(TABLES.values(), replace(preset, training=training, eval_split="train"), tmp_path)
    assert len(work(plan, "train")) == 14 and len(work(plan, "rerank")) == 8 + 2 + 7 + 1
    assert work(plan, "rerank")["lce-n32-dense.on.dense.train.trec"].pairs == 20 * 8  # train has no limit
    groups = sum(task.pairs for task in work(plan, "train").values()) // (2 * 2)
    assert groups == 2 * (1 + 2 + 2 + 8) + 2 * (4 + 16 + 32)


def test_seeds_are_trained_each(preset, tmp_path):
    assert len(work(make_plan([TABLE1], preset, tmp_path, (1, 2)), "train")) == 16


def test_msmarco_before_any_download(tmp_path, monkeypatch):
    monkeypatch.setenv("IR_DATASETS_HOME", str(tmp_path / "none"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "none"))
    plan = make_plan([TABLE3, TABLE4], PRESETS["msmarco"], tmp_path / "runs")
    dataset, *models = plan.sources
    assert not dataset.here and "to download, 1.09 GB" in dataset.state
    assert [(model.name, model.here) for model in models] == [
        ("google/electra-base-discriminator", False),
        ("castorini/tct_colbert-v2-hnp-msmarco", False),
    ]
    a32 = work(plan, "train")["lce-n32-dense"]
    assert a32.detail == "300,000 steps x 16 x 32 = 153,600,000 pairs"
    assert a32.bytes == 7 * 440_000_000
    rerank = {name: task.pairs for name, task in work(plan, "rerank").items()}
    assert [pairs for name, pairs in rerank.items() if ".dl" not in name] == [6_980_000] * 10 + [6_837_000]
    assert [pairs for name, pairs in rerank.items() if ".dl19" in name] == [43_000] * 10
    assert [pairs for name, pairs in rerank.items() if ".dl20" in name] == [54_000] * 10
    assert work(plan, "retrieve")["dense.dl19.trec"].detail == "43 queries, top 1,000"
    assert work(plan, "retrieve")["dense.train.trec"].detail == "502,939 queries, top 200"
    assert "bm25.tuned.json" in work(plan, "retrieve")
    assert measured_rates(PRESETS["msmarco"]) is None
    assert not (tmp_path / "runs").exists()
    # ir_datasets notes its version wherever it is asked anything; nothing else is written.
    assert {file.name for file in (tmp_path / "none").rglob("*") if file.is_file()} <= {"irds_version.txt"}


def test_further_sets_are_counted_and_left_out_ones_named(preset, tmp_path, monkeypatch):
    """8 of 9 queries are judged; no limit on queries holds for them."""
    monkeypatch.setenv("IR_DATASETS_HOME", str(tmp_path / "none"))
    data = tmp_path / "data"
    shutil.copytree(preset.dataset, data)
    (data / "msmarco-test2019-queries.tsv").write_text("".join(f"t{i}\triver stone\n" for i in range(9)))
    (data / "2019qrels-pass.txt").write_text("".join(f"t{i} Q0 p{i} 0\n" for i in range(8)))
    changed = replace(preset, dataset=str(data), also=("dl19", "dl20"), queries=3)
    plan = make_plan([TABLE2], changed, tmp_path / "runs")
    assert work(plan, "retrieve")["bm25.dl19.trec"].detail == "8 queries, top 40"
    assert work(plan, "rerank")["lce-n8-dense.on.bm25.dl19.trec"].pairs == 8 * 8
    assert len(work(plan, "rerank")) == 8 and not any("dl20" in str(task.product.path) for task in plan.tasks)
    assert [(source.name, source.state) for source in plan.sources if source.kind == "further set"] == [
        ("dl20", f"left out: needs msmarco-test2020-queries.tsv and 2020qrels-pass.txt in {data}")
    ]
    beir = make_plan([TABLE2], changed.override(also=("beir/scifact/test",)), tmp_path / "runs")
    assert work(beir, "rerank")["lce-n8-dense.on.bm25.also.beir-scifact-test.trec"].pairs == 300 * 8
    assert [source.state for source in beir.sources if source.name == "beir/scifact/test"] == [
        f"to download, 2.8 MB, by ir_datasets into {tmp_path / 'none'}"
    ]
    assert not (tmp_path / "runs").exists()


def test_impossible_settings_are_found_in_time(preset, tmp_path):
    with pytest.raises(UserError, match="--group 32: needs 31 distinct negatives, but only the top 30"):
        make_plan([TABLE3], preset, tmp_path)


@pytest.mark.parametrize("key", ["backbone", "encoder"])
def test_a_model_that_cannot_be_is_found_in_time(preset, tmp_path, key):
    changed = preset.override(**{key: "/no/such/model"})
    for ask in (make_plan, replicate):
        with pytest.raises(UserError, match="/no/such/model: no such folder; name a checkpoint's folder"):
            ask([TABLE2] if ask is make_plan else TABLE2, changed, tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_settings_are_those_that_train(preset):
    config = preset.override(steps=7).training_of(Checkpoint("bm25", "ce", 1), dev_run="to be made")
    assert (config.steps, config.loss, config.members) == (7, "ce", 1)


def test_the_door(capsys, tmp_path, monkeypatch):
    folder = tmp_path / "runs"
    command = ["table4", "--preset", "smoke", "--plan", "--pairs-per-second", "60,300", "--output", str(folder)]
    assert tables.main(command) == 0
    found = capsys.readouterr().out
    assert "Plan: table4, preset smoke" in found and "512 pairs to train" in found and "(given)" in found
    assert not folder.exists()
    assert tables.main(["table4", "--pairs-per-second", "60,300"]) == 2
    for wrong in ("60", "0,1", "a,b", "1,inf"):
        with pytest.raises(SystemExit):
            tables.main(["table4", "--plan", "--pairs-per-second", wrong])


@pytest.mark.slow
def test_a_timing_leaves_nothing_behind(preset, tmp_path, monkeypatch):
    monkeypatch.setenv("LCE_CACHE", str(tmp_path / "cache"))
    train, rerank = measured_rates(preset)
    assert train > 0 and rerank > 0
    assert os.environ["LCE_CACHE"] == str(tmp_path / "cache") and not (tmp_path / "cache").exists()


def test_a_folder_that_lacks_the_split_is_named(preset, tmp_path):
    with pytest.raises(UserError, match="has no split 'nowhere'"):
        make_plan([TABLE1], replace(preset, dev_split="nowhere"), tmp_path)
