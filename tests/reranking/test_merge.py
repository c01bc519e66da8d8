"""Merging: shards that do not belong together are refused in one line that names the file; nothing is written."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from lce_tf.data.runs import Run
from lce_tf.errors import UserError
from lce_tf.reranking.merge import merge
from lce_tf.reranking.outputs import write_reranked
from lce_tf.reranking.shards import Shard

FACTS = {
    "model": "m" * 16, "run_sha256": "r" * 64, "queries": "queries-1", "collection": "c1", "depth": 10,
    "engine": "openvino", "precision": "float32", "lengths": {"query": 8, "sequence": 40}, "tag": "tiny",
    "checkpoint": "/there/model", "dataset": "data", "split": "dev", "run": "in.trec", "chunk": 16, "ray": None,
    "workers": None, "query_length": None,
}  # fmt: skip
SIZES = [3, 1, 4, 1, 5, 9, 2, 6, 5]


def whole():
    """A run of 9 queries with some equal scores, and raw scores with gaps."""
    rng = np.random.default_rng(5)
    ids = [f"{'d' * (query % 3 + 1)}{i}" for query, size in enumerate(SIZES) for i in range(size)]
    run = Run.build(
        [f"{'q' * (i % 4 + 1)}{i}" for i in range(len(SIZES))],
        np.cumsum([0, *SIZES]),
        ids,
        rng.integers(-9, 9, sum(SIZES)),
        "tiny",
    )
    raw = rng.normal(size=len(run)).astype(np.float32)
    raw[rng.random(len(run)) < 0.2] = np.nan
    return run, {"scores": raw, "windows": rng.integers(0, 9, len(run)).astype(np.int32)}


def write_shards(output, count):
    run, raw = whole()
    number = np.repeat(np.arange(len(SIZES)), SIZES)
    for index in range(count):
        part, rows = Shard(index, count).of(run), number % count == index
        facts = {"shard": index, "shards": count, "run_queries": len(SIZES), "pairs": len(part), "seconds": 1.5}
        facts["processor"] = ("avx2", "amx_tile")[index % 2]
        file = Shard(index, count).file(str(output))
        write_reranked(part, {n: v[rows] for n, v in raw.items()}, file, {**FACTS, "output": file, **facts})


@pytest.fixture
def output(tmp_path):
    """The output of a run whose three shards exist."""
    write_shards(tmp_path / "new.trec", 3)
    return str(tmp_path / "new.trec")


def edit(file, **changes):
    path = Path(f"{file}.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize("count", [1, 2, 3, 9, 12])
@pytest.mark.parametrize("name", ["new.trec", "new[1].trec.gz"])
def test_run_and_scores_are_those_of_one_job(tmp_path, count, name):
    run, raw = whole()
    (tmp_path / "alone").mkdir()
    write_reranked(run, raw, str(tmp_path / "alone" / name), {})
    write_shards(tmp_path / name, count)
    merge(str(tmp_path / name))
    for ending in ("", ".scores.npz"):
        made, expected = (folder / f"{name}{ending}" for folder in (tmp_path, tmp_path / "alone"))
        assert made.read_bytes() == expected.read_bytes()
    facts = json.loads((tmp_path / f"{name}.json").read_text())
    assert facts["pairs"] == sum(SIZES) and facts["seconds"] == 1.5 * count and facts["shards"] == count
    assert facts["processor"] == ("amx_tile, avx2" if count > 1 else "avx2")
    assert facts["output"] == str(tmp_path / name) and "shard" not in {k for k, v in facts.items() if v is not None}
    assert {key: facts[key] for key in FACTS} == FACTS


def test_a_shard_is_no_output(output):
    shards = [f"{output}.shard-{index}-of-3" for index in range(3)]
    before = [Path(file).read_bytes() for file in shards]
    with pytest.raises(UserError, match="is one of the shards, which would be lost"):
        merge(shards[1], shards)
    assert [Path(file).read_bytes() for file in shards] == before


def test_shards_from_elsewhere_in_any_order(output, tmp_path):
    merge(output)
    files = []
    for index in (2, 0, 1):
        files.append(str(tmp_path / f"machine{index}" / "part"))
        Path(files[-1]).parent.mkdir()
        for ending in ("", ".json", ".scores.npz"):
            shutil.move(f"{output}.shard-{index}-of-3{ending}", f"{files[-1]}{ending}")
        edit(files[-1], run=f"/mnt{index}/in.trec", checkpoint=f"/mnt{index}/model")  # mounted under other names
    merge(str(tmp_path / "other.trec"), files)
    assert (tmp_path / "other.trec").read_bytes() == Path(output).read_bytes()


def remove(*names):
    return lambda folder: [(folder / f"new.trec.shard-{name}").unlink() for name in names]


def again_as(name):
    def copy(folder):
        for ending in ("", ".json", ".scores.npz"):
            shutil.copy(folder / f"new.trec.shard-1-of-3{ending}", folder / f"{name}{ending}")

    return copy


def begun(folder):
    remove("1-of-3")(folder)
    (folder / "new.trec.shard-1-of-3.partial").mkdir()


def another_division(folder):
    write_shards(folder / "new.trec", 4)
    remove("0-of-4")(folder)


def says(**changes):
    return lambda folder: edit(folder / "new.trec.shard-1-of-3", **changes)


def appended(name):
    def append(folder):
        with open(folder / f"new.trec.shard-1-of-3{name}", "ab") as file:
            file.write(b"\n")

    return append


def without(*keys):
    def drop(folder):
        path = folder / "new.trec.shard-1-of-3.json"
        path.write_text(json.dumps({k: v for k, v in json.loads(path.read_text()).items() if k not in keys}))

    return drop


def ten_queries(folder):
    """All say that the run has ten queries, but there are nine."""
    edit(folder / "new.trec.shard-1-of-3", run_queries=10)
    edit(folder / "new.trec.shard-0-of-3", run_queries=10)
    edit(folder / "new.trec.shard-2-of-3", run_queries=10)


def overlap(folder):
    """Shard 1 holds the queries of shard 0, manifest and sums included."""
    for ending in ("", ".scores.npz", ".json"):
        shutil.copy(folder / f"new.trec.shard-0-of-3{ending}", folder / f"new.trec.shard-1-of-3{ending}")
    says(shard=1)(folder)


SHARD = "new.trec.shard-1-of-3"
BAD = {
    "one missing": (remove("1-of-3"), [f"{SHARD}: is missing; write it with lce rerank --shard 1/3"]),
    "one begun": (begun, [f"{SHARD}: is missing, whose work has begun"]),
    "all missing": (remove("0-of-3", "1-of-3", "2-of-3"), ["new.trec: no new.trec.shard-I-of-K lies beside it"]),
    "another division's leftovers": (
        another_division,
        ["new.trec.shard-0-of-3 (3 of 3) and ", "new.trec.shard-1-of-4 (3 of 4)", "different K"],
    ),
    "no manifest": (remove("1-of-3.json"), [f"{SHARD}: has no manifest"]),
    "no scores": (remove("1-of-3.scores.npz"), [f"{SHARD}.scores.npz: no such file"]),
    "changed run": (appended(""), [f"{SHARD}: has changed since"]),
    "changed scores": (appended(".scores.npz"), [f"{SHARD}.scores.npz: has changed since"]),
    "manifest that is none": (without("output_sha256"), [f"{SHARD}.json: is no manifest"]),
    "manifest of a whole run": (says(shard=None), [f"{SHARD}: is not a shard"]),
    "manifest without count": (without("shards"), [f"{SHARD}: is not a shard"]),
    "manifest of an impossible shard": (says(shard=3), [f"{SHARD}: is not a shard"]),
    "manifest of another division": (says(shards=4), [f"{SHARD}: is one of 4 shards", "one of 3"]),
    "index twice": (says(shard=0), [f"{SHARD}: is shard 0 of 3, as ", "new.trec.shard-0-of-3"]),
    "too few queries": (ten_queries, ["new.trec.shard-0-of-3: has 3 queries, but 4 belong there"]),
    "overlapping queries": (overlap, [f"{SHARD}: query q0 is also in ", "new.trec.shard-0-of-3"]),
    **{
        f"another {key}": (says(**{key: value}), [f"{SHARD}: its {key} is {value}", "two jobs"])
        for key, value in {
            "model": "x", "run_sha256": "x", "queries": "x", "collection": "x", "depth": 11, "engine": "tensorflow",
            "precision": "bfloat16", "lengths": {"query": 9}, "tag": "other", "run_queries": 10,
            "window_of_a_later_version": 3,
        }.items()
    },
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_does_not_belong_together_is_refused(output, tmp_path, name):
    spoil, words = BAD[name]
    spoil(tmp_path)
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(UserError) as error:
        merge(output)
    assert all(word in str(error.value) for word in words) and "\n" not in str(error.value), error.value
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_shard_named_twice(output, tmp_path):
    again_as("copy")(tmp_path)
    files = [f"{output}.shard-{index}-of-3" for index in range(3)]
    with pytest.raises(UserError, match="copy: is shard 1 of 3, as .*shard-1-of-3 is; give it once"):
        merge(output, [*files, str(tmp_path / "copy")])
    with pytest.raises(UserError, match="nowhere: no such file"):
        merge(output, [*files, str(tmp_path / "nowhere")])


def test_neighbours_with_longer_names_are_no_shards(output, tmp_path):
    again_as("new.trec.shard-1-of-3.old")(tmp_path)
    again_as("renew.trec.shard-1-of-3")(tmp_path)
    assert len(merge(output)) == sum(SIZES)
