"""pyserini's own searcher on indexes in its layout; only the network is replaced."""

import urllib.error

import numpy as np
import pytest

from lce_tf.data.datasets import Passage
from lce_tf.errors import UserError
from lce_tf.retrieval import dense, prebuilt

PLACE = "faiss-flat.msmarco-v1-passage.tct_colbert-v2-hnp.20210608.5f341b.d22d0b6b32f156088a10b0d54ecc1da2"


class Toy:
    name, splits, collection_key = "toy", ("dev",), "toy"

    def passages(self):
        for i in range(50):
            yield Passage(str(i), str(i))

    def queries(self, split):
        return {f"q{i}": str(i) for i in range(7)}

    def qrels(self, split):
        return {"q3": {"1": 1}, "q5": {"1": 0}}


class Numbers:
    key = "numbers"

    def __init__(self, dimensions=8):
        self.calls, self._dimensions = [], dimensions

    def __call__(self, texts, kind):
        self.calls.append(kind)
        rows = [np.random.default_rng((int(text), kind == "query")).normal(size=self._dimensions) for text in texts]
        return np.array(rows, dtype=np.float32)


def write_index(folder, data, embed):
    import faiss

    folder.mkdir(parents=True)
    passages = list(data.passages())
    index = faiss.IndexFlatIP(8)
    index.add(embed([passage.text for passage in passages], "passage"))
    faiss.write_index(index, str(folder / "index"))
    (folder / "docid").write_text("".join(f"{passage.passage_id}\n" for passage in passages))


@pytest.fixture(autouse=True)
def own_caches(tmp_path, monkeypatch):
    monkeypatch.setenv("LCE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PYSERINI_CACHE", str(tmp_path / "pyserini"))

    def no_network(*args, **kwargs):
        raise urllib.error.URLError("no network")

    monkeypatch.setattr("urllib.request.urlopen", no_network)


@pytest.mark.slow  # the first import of pyserini's searcher takes seconds
@pytest.mark.parametrize("by_name", [False, True])
def test_rows_equal_our_own_search(tmp_path, monkeypatch, by_name):
    monkeypatch.setattr(prebuilt, "QUERY_BLOCK", 3)
    folder = tmp_path / "pyserini" / "indexes" / PLACE if by_name else tmp_path / "mine"
    write_index(folder, Toy(), Numbers())
    embed = Numbers()
    found = prebuilt.search(prebuilt.TCT_HNP if by_name else str(folder), embed, Toy(), "dev", 10, threads=1)
    ours = dense.search(Numbers(), Toy(), "dev", 10)
    assert embed.calls == ["query"] and found.tag == "dense"
    for name in ("query_ids", "offsets", "passage_ids"):
        assert np.array_equal(getattr(found, name), getattr(ours, name))
    np.testing.assert_allclose(found.scores, ours.scores, atol=1e-5)


@pytest.mark.slow
def test_fewer_passages_than_asked_for_and_judged_queries_only(tmp_path):
    write_index(tmp_path / "mine", Toy(), Numbers())
    found = prebuilt.search(str(tmp_path / "mine"), Numbers(), Toy(), "dev", 1000, judged=True)
    assert found.query_ids.tolist() == [b"q3"] and len(found) == 50


@pytest.mark.slow
def test_another_encoder_is_noticed(tmp_path):
    write_index(tmp_path / "mine", Toy(), Numbers())
    with pytest.raises(UserError, match="vectors of size 8, the encoder gives 6; name the --encoder"):
        prebuilt.search(str(tmp_path / "mine"), Numbers(6), Toy(), "dev", 5)


@pytest.mark.slow
def test_a_damaged_index_is_one_line(tmp_path):
    write_index(tmp_path / "mine", Toy(), Numbers())
    (tmp_path / "mine" / "index").write_bytes(b"not an index at all")
    with pytest.raises(UserError, match="cannot be read as an index") as caught:
        prebuilt.search(str(tmp_path / "mine"), Numbers(), Toy(), "dev", 5)
    assert "\n" not in str(caught.value)


def test_without_a_network_one_line_names_index_size_and_place(tmp_path, capsys):
    with pytest.raises(UserError) as caught:
        prebuilt.search(prebuilt.TCT_HNP, Numbers(), Toy(), "dev", 5)
    said = str(caught.value)
    assert "\n" not in said and prebuilt.TCT_HNP in said and "(25.2 GB)" in said
    assert f"{tmp_path / 'pyserini' / 'indexes' / PLACE} holds index and docid" in said
    assert capsys.readouterr().out == ""


def test_names_that_are_none():
    with pytest.raises(UserError, match="close: .*tct_colbert-v2-hnp"):
        prebuilt.search("msmarco-v1-passage.tct_colbert-v2-hpn", Numbers(), Toy(), "dev", 5)


def test_a_folder_without_the_two_files(tmp_path):
    with pytest.raises(UserError, match="has no file index"):
        prebuilt.search(str(tmp_path), Numbers(), Toy(), "dev", 5)
