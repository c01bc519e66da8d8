"""Stores of a data set's queries and passages: one per content and tokenizer."""

import pytest

from lce_tf.data.datasets import load_dataset
from lce_tf.model import hub
from lce_tf.tokens.texts import passage_store, query_store
from lce_tf.tokens.tokenizers import WordPieces


@pytest.fixture(scope="module")
def minilm():
    return WordPieces(hub.locate("minilm"))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("LCE_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "set"
    path.mkdir()
    (path / "collection.tsv").write_text("d1\thello world\nd2\t\n", encoding="utf-8")
    (path / "queries.dev.tsv").write_text("q1\tworld\n", encoding="utf-8")
    (path / "queries.train.tsv").write_text("q1\thello\nq2\tworld\n", encoding="utf-8")
    return path


def test_queries_and_passages(folder, minilm):
    passages = passage_store(load_dataset(str(folder)), minilm)
    assert passages.text_ids.tolist() == [b"d1", b"d2"] and passages.tokens.tolist() == [7592, 2088]
    assert query_store(load_dataset(str(folder)), "dev", minilm).tokens.tolist() == [2088]
    assert query_store(load_dataset(str(folder)), "train", minilm).tokens.tolist() == [7592, 2088]


def test_another_text_under_the_same_name_is_another_store(folder, minilm):
    before = passage_store(load_dataset(str(folder)), minilm)
    (folder / "collection.tsv").write_text("d1\tworld\nd2\t\n", encoding="utf-8")
    (folder / "queries.dev.tsv").write_text("q1\thello\n", encoding="utf-8")
    after = passage_store(load_dataset(str(folder)), minilm)
    assert after.tokens.tolist() == [2088] and before.key != after.key
    assert query_store(load_dataset(str(folder)), "dev", minilm).tokens.tolist() == [7592]
