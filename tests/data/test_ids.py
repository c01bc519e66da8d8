"""Ids that would break a row of a run are refused by every reader."""

import collections

import pytest

from lce_tf.data import irds
from lce_tf.data.ids import unfit
from lce_tf.data.layouts.beir import BeirFolder
from lce_tf.data.layouts.msmarco import MsMarcoFolder
from lce_tf.data.qrels import read_qrels
from lce_tf.data.runs import read_run
from lce_tf.errors import UserError

UNFIT = ["a b", "a\u00a0b", "a\u2003b", "a\u3000b", "a\x07b", "a\x7fb", "a\x85b", "a\ufeffb", "a\u2028b"]
FIT = ["a", "07", "é", "文書", "a#/:[SEP]", "a\u200bb", "😀", "a'\"\\"]

each = pytest.mark.parametrize("name", UNFIT, ids=ascii)


@each
def test_unfit(name):
    assert unfit(name) and unfit(name[:2]) and unfit(name[1:])


@pytest.mark.parametrize("name", FIT, ids=ascii)
def test_fit(tmp_path, name):
    assert unfit(name) is None
    assert list(MsMarcoFolder(folder(tmp_path, name)).passages()) == [(name, "x")]
    (tmp_path / "run").write_text(f"q Q0 {name} 1 1 t\n", encoding="utf-8")
    (tmp_path / "qrels").write_text(f"q 0 {name} 1\n", encoding="utf-8")
    assert list(read_run(tmp_path / "run").as_dict()["q"]) == list(read_qrels(tmp_path / "qrels")["q"]) == [name]


def folder(path, name):
    (path / "collection.tsv").write_bytes(f"{name}\tx\n".encode())
    return path


@each
def test_every_reader_refuses_it_where_it_stands(tmp_path, name, monkeypatch):
    (tmp_path / "run").write_bytes(f"q Q0 c 1 1 t\nq Q0 {name} 1 1 t\n".encode())
    (tmp_path / "qrels").write_bytes(f"q 0 c 1\nq 0 {name} 1\n".encode())
    (tmp_path / "corpus.jsonl").write_bytes(f'{{"_id": "{name}", "text": "x"}}\n'.encode())
    readers = {
        "run:2": lambda: read_run(tmp_path / "run"),
        "qrels:2": lambda: read_qrels(tmp_path / "qrels"),
        "collection.tsv:1": lambda: list(MsMarcoFolder(folder(tmp_path, name)).passages()),
        "corpus.jsonl:1": lambda: list(BeirFolder(tmp_path).passages()),
        "vaswani: passage": lambda: list(irds_passages(monkeypatch, name)),
    }
    for where, reader in readers.items():
        with pytest.raises(UserError, match=where):
            reader()


def irds_passages(monkeypatch, name, text="x"):
    dataset = irds.IrDataset("vaswani")
    record = collections.namedtuple("Record", "doc_id text")(name, text)
    monkeypatch.setattr(dataset, "_whole", collections.namedtuple("Docs", "docs_iter")(lambda: [record]))
    return dataset.passages()


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b"], ids=ascii)
def test_a_text_that_no_file_could_hold_is_refused(monkeypatch, text):
    with pytest.raises(UserError, match="vaswani, passage d1: its text holds"):
        list(irds_passages(monkeypatch, "d1", text))


def test_white_space_in_texts_is_the_same_from_every_reader(tmp_path, monkeypatch):
    text = " a\u00a0b\tc\rd\x0be\u2028f\x1cg \x07h "
    (tmp_path / "collection.tsv").write_bytes(f"d1\t{text}\n".encode())
    [(_, from_file)] = MsMarcoFolder(tmp_path).passages()
    [(_, from_library)] = irds_passages(monkeypatch, "d1", text)
    assert from_file == from_library == "a b c d e f g \x07h"
