import random

import pytest

from lce_tf.data.datasets import load_dataset
from lce_tf.data.records import Dataset, Passage
from lce_tf.errors import UserError
from lce_tf.replication.sample import write_sample


class Numbers(Dataset):
    """Two thousand passages; query i of a split has passage i, and each tenth also passage i + 1000."""

    name, splits, collection_key = "numbers", ("train", "dev"), "numbers"

    def __init__(self, order):
        self.order = order

    def passages(self):
        for i in self.order:
            yield Passage(f"p{i}", f"text of {i}" if i % 7 else "")

    def queries(self, split=None):
        return {f"{split}{i}": f"about {i}" for i in range(0, 1000, 2 if split == "dev" else 1)}

    def qrels(self, split=None):
        found = {
            query: {f"p{i}": 2, **({f"p{i + 1000}": 1} if i % 10 == 0 else {}), f"p{(i + 5) % 2000}": 0}
            for query, i in ((query, int(query[len(split) :])) for query in self.queries(split))
        }
        return {**found, "no text": {"p1": 1}, "nothing relevant": {"p1": 0}}


def kept_of(folder):
    return {line.split("\t")[0] for line in (folder / "collection.tsv").read_text().splitlines()}


def test_about_the_share_and_only_queries_whose_relevant_passages_are_there(tmp_path):
    source = Numbers(range(2000))
    folder = write_sample(source, ("train", "dev"), 0.3, tmp_path / "sample")
    kept = kept_of(folder)
    # A binomial of 2,000 and .3 has mean 600 and standard deviation 20.5.
    assert 500 < len(kept) < 700
    sampled = load_dataset(str(folder))
    for split in ("train", "dev"):
        relevant = {q: {p for p, g in ids.items() if g} for q, ids in source.qrels(split).items()}
        wanted = {q for q, ids in relevant.items() if ids and ids <= kept and q in source.queries(split)}
        assert sampled.queries(split) == {q: source.queries(split)[q] for q in source.queries(split) if q in wanted}
        assert sampled.qrels(split) == {q: source.qrels(split)[q] for q in wanted}


def test_the_order_of_the_collection_does_not_matter(tmp_path):
    shuffled = random.Random(1).sample(range(2000), 2000)
    folders = [
        write_sample(Numbers(order), ("dev",), 0.1, tmp_path / name)
        for name, order in (("a", range(2000)), ("b", shuffled))
    ]
    assert kept_of(folders[0]) == kept_of(folders[1])
    for name in ("queries.dev.tsv", "qrels.dev.txt"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()


def test_a_larger_share_holds_the_smaller_one(tmp_path):
    small, large = (write_sample(Numbers(range(2000)), ("dev",), s, tmp_path / str(s)) for s in (0.1, 0.2))
    assert kept_of(small) < kept_of(large)


def test_no_query_left_is_one_line_and_leaves_nothing(tmp_path):
    with pytest.raises(UserError, match="numbers: 0% of it leaves no query in train; take a larger share"):
        write_sample(Numbers(range(2000)), ("train",), 0.0001, tmp_path / "sample")
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_left_alone(tmp_path):
    folder = write_sample(Numbers(range(2000)), ("dev",), 0.1, tmp_path / "sample")
    before = {path: path.read_bytes() for path in folder.iterdir()}

    class Unread(Numbers):
        def passages(self):
            raise AssertionError("read again")

    assert write_sample(Unread(()), ("dev",), 0.1, folder) == folder
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
