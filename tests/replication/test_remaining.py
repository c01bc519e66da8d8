"""What is left, reckoned by hand; `test_replicate` has what a table says of it."""

from lce_tf.foundation.disk import PRODUCT
from lce_tf.foundation.steps import record_of
from lce_tf.replication.needed import Product
from lce_tf.replication.plan import Plan, Task

PLACES = {"retrieve": "first_stage", "train": "models", "rerank": "reranked"}


def planned(folder, *tasks):
    """A plan of (phase, name, pairs, seconds or None where it is still to do)."""
    found = []
    for phase, name, pairs, seconds in tasks:
        path = folder / PLACES[phase] / name
        if seconds is not None:
            path.mkdir(parents=True)
            PRODUCT.write(record_of(path), {"settings": {}, "seconds": seconds})
        found.append(Task(Product(path, lambda: None, name), "", pairs, 0))
    return Plan("t", (), tuple(found))


def test_by_hand(tmp_path):
    plan = planned(
        tmp_path,
        ("retrieve", "bm25.train.trec", 0, 20),
        ("retrieve", "bm25.dev.trec", 0, 40),
        ("retrieve", "dense.dev.trec", 0, None),  # 30 s
        ("train", "ce", 1000, 100),
        ("train", "lce", 8000, None),  # 800 s
        ("rerank", "ce.trec", 500, 50),
        ("rerank", "lce.trec", 500, None),  # 50 s
    )
    # 880 s
    assert plan.remaining() == "4 of 7 products are there; about 15 min left"


def test_what_has_not_begun_is_named(tmp_path):
    plan = planned(tmp_path, ("train", "ce", 10, 10), ("train", "lce", 20, None), ("rerank", "ce.trec", 5, None))
    line = "1 of 3 products are there; about 20 s left without reranking, not timed yet"
    assert plan.remaining() == line


def test_nothing_known_and_nothing_left(tmp_path):
    assert planned(tmp_path, ("train", "ce", 10, None)).remaining() == "0 of 1 products are there"
    assert planned(tmp_path, ("train", "ce", 10, 10)).remaining() == "1 of 1 products are there"
