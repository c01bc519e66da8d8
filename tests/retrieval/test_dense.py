import numpy as np
import pytest

from lce_tf.data.datasets import Passage
from lce_tf.errors import UserError
from lce_tf.foundation.files import cache_dir
from lce_tf.retrieval import dense


class Toy:
    """The part of a data set that retrieval uses; the texts are numbers for the toy encoder."""

    name, splits = "toy", ("dev",)

    def __init__(self, key="toy", passages=50, queries=30):
        self.collection_key = key
        self._passages, self._queries = passages, queries

    def passages(self):
        for i in range(self._passages):
            yield Passage(f"p{i}é", str(i))

    def queries(self, split):
        return {f"q{i}": str(i) for i in range(self._queries)}


class Numbers:
    """An encoder whose vectors are pseudo-random in the text's number; it keeps account of its calls."""

    key = "numbers-8"

    def __init__(self, dimensions=8):
        self.calls, self._dimensions = [], dimensions

    def __call__(self, texts, kind):
        self.calls.append((kind, len(texts)))
        rows = [np.random.default_rng((int(text), kind == "query")).normal(size=self._dimensions) for text in texts]
        return np.array(rows, dtype=np.float32)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LCE_CACHE", str(tmp_path / "cache"))


def brute_force(data, embed, depth):
    passages = list(data.passages())
    scores = embed([str(q) for q in data.queries("dev").values()], "query").astype(np.float64) @ (
        embed([passage.text for passage in passages], "passage").astype(np.float64).T
    )
    order = np.argsort(-scores, axis=1, kind="stable")[:, :depth]
    return [[passages[i].passage_id for i in row] for row in order], np.take_along_axis(scores, order, axis=1)


@pytest.mark.parametrize("depth", [1, 7, 50, 1000])
@pytest.mark.parametrize("queries", [3, 30])  # faiss computes fewer than 20 queries in another way
def test_rows_equal_brute_force(depth, queries):
    data = Toy(queries=queries)
    run = dense.search(Numbers(), data, "dev", depth)
    passage_ids, scores = brute_force(data, Numbers(), depth)
    k = min(depth, 50)
    assert run.query_ids.tolist() == [f"q{i}".encode() for i in range(queries)]
    assert run.offsets.tolist() == [i * k for i in range(queries + 1)]
    assert [[name.decode() for name in row] for row in run.passage_ids.reshape(queries, k)] == passage_ids
    assert np.allclose(run.scores.reshape(queries, k), scores, atol=1e-5) and run.scores.dtype == np.float64


@pytest.mark.parametrize("depth", [3, 40])
def test_blocks_change_nothing(monkeypatch, depth):
    whole = dense.search(Numbers(), Toy("whole"), "dev", depth)
    monkeypatch.setattr(dense, "ENCODE_BLOCK", 11)
    monkeypatch.setattr(dense, "QUERY_BLOCK", 4)
    monkeypatch.setattr(dense, "PASSAGE_BLOCK_BYTES", 13 * 8 * 4)
    embed = Numbers()
    parts = dense.search(embed, Toy("parts"), "dev", depth, threads=1)
    assert embed.calls == [("passage", 11)] * 4 + [("passage", 6), ("query", 30)]
    assert np.array_equal(whole.passage_ids, parts.passage_ids) and np.allclose(whole.scores, parts.scores, atol=1e-6)


def test_equal_scores_keep_the_collections_order():
    positions, scores = dense.nearest(np.ones((2, 3), np.float32), np.ones((9, 3), np.float32), 9)
    assert positions.tolist() == [list(range(9))] * 2 and (scores == 3).all()


@pytest.mark.parametrize("queries", [2, 30])
@pytest.mark.parametrize("block", [1 << 29, 13 * 2 * 4])
def test_of_equal_scores_at_the_depth_the_first_are_taken(monkeypatch, queries, block):
    monkeypatch.setattr(dense, "PASSAGE_BLOCK_BYTES", block)
    passages = np.array([[i % 5, 0] for i in range(200)], np.float32)  # 40 each of scores 0 to 4
    positions, scores = dense.nearest(np.ones((queries, 2), np.float32), passages, 55)
    assert positions.tolist() == [[*range(4, 200, 5), *range(3, 76, 5)]] * queries
    assert (scores == [4.0] * 40 + [3.0] * 15).all()
    everywhere, _ = dense.nearest(np.zeros((queries, 2), np.float32), passages, 7)
    assert everywhere.tolist() == [list(range(7))] * queries


def test_passages_are_encoded_once():
    first, second, other = Numbers(), Numbers(), Numbers()
    runs = [dense.search(embed, Toy(), "dev", 5) for embed in (first, second)]
    assert first.calls == [("passage", 50), ("query", 30)] and second.calls == [("query", 30)]
    assert np.array_equal(runs[0].passage_ids, runs[1].passage_ids)
    other.key = "another"
    dense.search(other, Toy(), "dev", 5)
    assert other.calls[0] == ("passage", 50)
    assert {path.name for path in (cache_dir() / "dense").iterdir()} == {"toy-numbers-8", "toy-another"}


def test_the_cache_is_plain_numpy():
    ids, vectors = dense.passage_vectors(Numbers(), Toy())
    assert isinstance(vectors, np.memmap) and vectors.shape == (50, 8) and vectors.dtype == np.float32
    assert ids[49].decode() == "p49é" and ids.dtype.kind == "S"
    assert np.array_equal(vectors, Numbers()([str(i) for i in range(50)], "passage"))


def test_an_interrupted_encoding_leaves_nothing(monkeypatch):
    class Interrupted(Numbers):
        def __call__(self, texts, kind):
            if self.calls:
                raise KeyboardInterrupt
            return super().__call__(texts, kind)

    monkeypatch.setattr(dense, "ENCODE_BLOCK", 20)
    with pytest.raises(KeyboardInterrupt):
        dense.search(Interrupted(), Toy(), "dev", 5)
    assert list((cache_dir() / "dense").iterdir()) == []


def test_a_damaged_cache_is_named():
    dense.passage_vectors(Numbers(), Toy())
    folder = cache_dir() / "dense" / "toy-numbers-8"
    (folder / "vectors.npy").write_bytes((folder / "vectors.npy").read_bytes()[:-100])
    with pytest.raises(UserError, match="toy-numbers-8.*delete the folder"):
        dense.passage_vectors(Numbers(), Toy())


def test_vectors_that_are_not_finite_name_their_text():
    class Broken(Numbers):
        def __call__(self, texts, kind):
            vectors = super().__call__(texts, kind)
            vectors[4:6, 2] = np.nan
            return vectors

    with pytest.raises(UserError, match="passage p4é: .*not finite .2 such"):
        dense.search(Broken(), Toy(), "dev", 5)
    assert list((cache_dir() / "dense").iterdir()) == []


def test_a_wrong_shape_is_the_encoders_fault():
    class Wrong(Numbers):
        def __call__(self, texts, kind):
            return super().__call__(texts, kind)[:-1]

    with pytest.raises(ValueError, match=r"shape \(49, 8\) for 50 texts"):
        dense.search(Wrong(), Toy(), "dev", 5)


@pytest.mark.parametrize(
    ("data", "depth", "message"),
    [(Toy(), 0, "depth 0"), (Toy(queries=0), 5, "has no queries"), (Toy(passages=0), 5, "has no passages")],
)
def test_nothing_to_search_is_refused(data, depth, message):
    with pytest.raises(UserError, match=message):
        dense.search(Numbers(), data, "dev", depth)
