"""Shards: every query is in exactly one, and together they equal one machine's run."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lce_tf.data.runs import Run, read_run
from lce_tf.errors import UserError
from lce_tf.foundation.array_jobs import INDEX_VARIABLES
from lce_tf.foundation.files import sha256_of
from lce_tf.reranking import rerank as module
from lce_tf.reranking.merge import merge
from lce_tf.reranking.rerank import rerank
from lce_tf.reranking.scoring import score_pairs
from lce_tf.reranking.shards import Shard, joined


@pytest.fixture(autouse=True)
def no_array(monkeypatch):
    for name in INDEX_VARIABLES.values():
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(("text", "shard"), [("0/1", (0, 1)), ("3/8", (3, 8)), ("007/08", (7, 8))])
def test_a_shard_is_named_by_index_and_count(text, shard):
    assert Shard.parse(text) == Shard(*shard)


@pytest.mark.parametrize("name", INDEX_VARIABLES.values())
def test_in_an_array_job_the_scheduler_names_the_index(monkeypatch, name):
    monkeypatch.setenv(name, "2")
    assert Shard.parse("8") == Shard(2, 8)
    assert Shard.parse("5/8") == Shard(5, 8)  # what the user says comes first
    with pytest.raises(UserError, match=r"--shard 2/2: the index must lie in 0 to 1; .*--array=0-1"):
        Shard.parse("2")


@pytest.mark.parametrize("text", ["", "/", "1/", "/8", "-1/8", "1/8/9", "a/8", "1.0/8", "٣/8", "eight"])
def test_what_is_no_shard_is_refused(text):
    with pytest.raises(UserError, match="give I/K"):
        Shard.parse(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [("8", "which of the 8"), ("8/8", "0 to 7"), ("9/8", "0 to 7"), ("0/0", "1 shard or more"), ("0", "which")],
)
def test_an_impossible_shard_is_refused(text, words):
    with pytest.raises(UserError, match=words):
        Shard.parse(text)


def test_queries_are_dealt_out_like_cards():
    run = Run.build(["a", "b", "c", "dd", "e"], [0, 2, 3, 6, 7, 9], [f"p{i}" for i in range(9)], -np.arange(9.0))
    parts = [Shard(index, 3).of(run) for index in range(3)]
    assert [part.query_ids.tolist() for part in parts] == [[b"a", b"dd"], [b"b", b"e"], [b"c"]]
    assert [part.scores.tolist() for part in parts] == [[0, -1, -6], [-2, -7, -8], [-3, -4, -5]]
    assert [Shard(index, 3).queries(5) for index in range(3)] == [2, 2, 1]
    raw = [{"scores": part.scores.astype(np.float32), "window": part.scores.astype(np.int32)} for part in parts]
    whole, values = joined(parts, raw, "tag")
    assert whole.query_ids.tolist() == run.query_ids.tolist() and whole.offsets.tolist() == run.offsets.tolist()
    assert whole.passage_ids.tolist() == run.passage_ids.tolist() and whole.tag == "tag"
    assert whole.scores.tolist() == run.scores.tolist() == values["scores"].tolist() == values["window"].tolist()
    assert values["scores"].dtype == np.float32 and values["window"].dtype == np.int32


@pytest.mark.parametrize("count", [1, 2, 7])
def test_merged_shards_are_the_run_that_one_machine_writes(config, count):
    alone = replace(config, output=f"{config.output}.alone")
    rerank(alone)
    for index in reversed(range(count)):
        shard = replace(config, shard=Shard(index, count))
        assert len(rerank(shard).query_ids) == len(range(index, 5, count))  # with 7 shards, none in two of them
        assert shard.file == f"{config.output}.shard-{index}-of-{count}"
    merge(config.output)
    for ending in ("", ".scores.npz"):
        assert Path(config.output + ending).read_bytes() == Path(alone.output + ending).read_bytes()
    merged, expected = (json.loads(Path(f"{c.output}.json").read_text()) for c in (config, alone))
    assert merged.pop("shards") == count and merged.pop("run_queries") == 5
    assert merged.pop("seconds") >= 0 and expected.pop("seconds") >= 0
    assert merged == {**expected, "output": config.output}


def test_a_shard_s_manifest_says_which_and_of_what(config):
    shard = replace(config, shard=Shard(1, 2))
    rerank(shard)
    assert sorted(path.name for path in Path(config.output).parent.iterdir()) == [
        "new.trec.shard-1-of-2",
        "new.trec.shard-1-of-2.json",
        "new.trec.shard-1-of-2.scores.npz",
    ]
    facts = json.loads(Path(f"{shard.file}.json").read_text())
    assert (facts["shard"], facts["shards"], facts["run_queries"], facts["pairs"]) == (1, 2, 5, 20)
    assert facts["output"] == shard.file and facts["output_sha256"] == sha256_of(shard.file)
    assert facts["run_sha256"] == sha256_of(config.run)
    old, new = read_run(config.run), read_run(shard.file)
    assert new.query_ids.tolist() == [b"q1", b"q3"] == old.query_ids[1::2].tolist()


def test_an_interrupted_shard_goes_on_and_only_as_itself(config, monkeypatch):
    scored = []

    def stopping(engine, packer, queries, passages, advance):
        if len(scored) == 1:
            raise KeyboardInterrupt
        scored.append(len(queries))
        return score_pairs(engine, packer, queries, passages, advance)

    shard = replace(config, shard=Shard(0, 2))
    with monkeypatch.context() as patch:
        patch.setattr(module, "score_pairs", stopping)
        with pytest.raises(KeyboardInterrupt):
            rerank(shard)
    partial = Path(f"{shard.file}.partial")
    assert sorted(path.name for path in partial.iterdir()) == ["000000.npy", "plan.json"]
    # Another shard's work under this one's name, as a copied folder would be.
    plan = json.loads((partial / "plan.json").read_text())
    assert (plan["shard"], plan["shards"]) == (0, 2)
    partial.rename(f"{replace(config, shard=Shard(1, 2)).file}.partial")
    with pytest.raises(UserError, match="unfinished work of another"):
        rerank(replace(config, shard=Shard(1, 2)))
    Path(f"{replace(config, shard=Shard(1, 2)).file}.partial").rename(partial)
    with pytest.raises(UserError, match=r"shard-0-of-2: is missing, whose work has begun|no new.trec.shard"):
        merge(config.output)

    rest = []
    monkeypatch.setattr(module, "score_pairs", lambda *a: rest.append(len(a[2])) or score_pairs(*a))
    rerank(shard)
    assert scored == [16] and rest == [14] and not partial.exists()
