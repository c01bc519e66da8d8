"""Queries held out of a run: drawn by their ids alone, with their judgments, for any data set."""

import hashlib

import numpy as np
import pytest

from lce_tf.data.draws import mix
from lce_tf.data.holdout import HoldoutConfig, halves, holdout
from lce_tf.data.qrels import read_qrels
from lce_tf.data.runs import Run, read_run
from lce_tf.errors import UserError

QUERIES = [f"q{number}" for number in range(20)]


def run_of(queries, passages=("p1", "p2")):
    rows = [passage for _ in queries for passage in passages]
    offsets = np.arange(len(queries) + 1) * len(passages)
    return Run.build(queries, offsets, rows, [-float(i % len(passages)) for i in range(len(rows))], "bm25")


def ids(run):
    return [query.decode() for query in run.query_ids.tolist()]


def smallest(queries, count):
    """The ids with the smallest draws, computed one by one."""

    def key(query):
        number = np.frombuffer(hashlib.blake2b(query.encode(), digest_size=8).digest(), "<u8")[0]
        return int(mix(np.uint64(0) ^ mix(number))) >> 1

    return sorted(queries, key=key)[:count]


QRELS = {query: {"p1": 1, "p3": 0} for query in QUERIES[:15]} | {"q15": {"p1": 0}, "gone": {"p1": 1}}


def test_the_ids_with_the_smallest_hashes_are_held_out_in_the_run_s_order():
    rest, held = halves(run_of(QUERIES), QRELS, 5, "run")
    drawn = smallest(QUERIES[:15], 5)
    assert ids(held) == [query for query in QUERIES if query in drawn]
    assert ids(rest) == [query for query in QUERIES if query not in drawn]
    assert held.as_dict()[drawn[0]] == {"p1": 0, "p2": -1} and held.tag == "bm25"


def test_neither_other_queries_nor_their_order_change_the_draw():
    held = set(ids(halves(run_of(QUERIES), QRELS, 5, "run")[1]))
    assert set(ids(halves(run_of(QUERIES[::-1]), QRELS, 5, "run")[1])) == held
    part = sorted(held)[:3] + [query for query in QUERIES if query not in held][:8]
    assert set(sorted(held)[:3]) <= set(ids(halves(run_of(part), QRELS, 5, "run")[1]))


def test_some_must_be_left_to_train_on():
    with pytest.raises(UserError, match="--held-out 15: bm25.trec has 15 judged queries; leave some to train on"):
        halves(run_of(QUERIES), QRELS, 15, "bm25.trec")


def test_judgments_of_other_queries_are_named_as_the_fault():
    with pytest.raises(UserError, match="^bm25.trec: none of its queries has a relevant passage; name the run's own"):
        halves(run_of(QUERIES), {"other": {"p1": 1}, "q1": {"p1": 0}}, 5, "bm25.trec")


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    texts = "".join(f"p{number}\ttext {number}\n" for number in range(5))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "collection.tsv").write_text(texts)
    (tmp_path / "mine" / "queries.train.tsv").write_text("".join(f"{query}\ttext\n" for query in QUERIES))
    rows = [f"{query} 0 p4 2\n{query} 0 p3 0\n{query} 0 gone 1\n" for query in QUERIES]
    (tmp_path / "mine" / "qrels.train.txt").write_text("".join(rows))
    (tmp_path / "run.trec").write_text("".join(f"{query} Q0 p1 1 2 t\n{query} Q0 p2 2 1 t\n" for query in QUERIES))
    return tmp_path


def test_the_files_are_the_run_s_parts_and_the_judgments(files):
    found = holdout(HoldoutConfig("run.trec", "out/bm25", dataset="mine", held_out=4))
    rest, held = (read_run(f"out/bm25.{part}.trec") for part in ("rest", "held"))
    assert len(ids(rest)) == 16 and sorted(ids(held)) == sorted(smallest(QUERIES, 4))
    assert read_qrels("out/bm25.held.qrels.txt") == {query: {"p4": 2, "p3": 0, "gone": 1} for query in ids(held)}
    assert held.as_dict()[ids(held)[0]] == {"p1": 2, "p2": 1} and found.found == 0
    assert sorted(path.name for path in (files / "out").iterdir()) == [
        "bm25.held.qrels.txt",
        "bm25.held.trec",
        "bm25.rest.trec",
    ]


def test_relevant_passages_can_be_appended_if_the_collection_has_them(files):
    found = holdout(HoldoutConfig("run.trec", "bm25", dataset="mine", held_out=4, with_relevant=True))
    assert found.found == 4
    assert all(listed == {"p1": 2, "p2": 1, "p4": 0} for listed in read_run("bm25.held.trec").as_dict().values())
    assert all(set(listed) == {"p1", "p2"} for listed in read_run("bm25.rest.trec").as_dict().values())


def test_nothing_read_is_overwritten(files):
    for name in ("bm25.rest.trec", "bm25.held.trec", "bm25.held.qrels.txt"):
        with pytest.raises(UserError, match="would overwrite"):
            (files / name).write_text("")
            HoldoutConfig(name, "bm25", dataset="mine")
    with pytest.raises(UserError, match="--held-out 0: give 1 or more"):
        HoldoutConfig("run.trec", "bm25", held_out=0)
