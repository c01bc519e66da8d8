"""Folders in BEIR's layout: the texts, splits and judgments are those that ir_datasets and BEIR give."""

import gzip
import json

import pytest

from lce_tf.data.datasets import load_dataset
from lce_tf.data.layouts import spare_own_file
from lce_tf.data.layouts.beir import BeirFolder
from lce_tf.data.records import slug
from lce_tf.errors import UserError

CORPUS = [
    {"_id": "d1", "title": "Moon", "text": "The moon is far.", "metadata": {}},
    {"_id": "d2", "title": "", "text": "Cheese\tis\nmilk.", "metadata": {}},
    {"_id": "d3", "text": "No title."},
]
QUERIES = [{"_id": "q1", "text": "how far is the moon"}, {"_id": "q2", "text": "cheese"}]


@pytest.fixture
def folder(tmp_path):
    def rows(values):
        return "".join(json.dumps(value) + "\n" for value in values)

    (tmp_path / "corpus.jsonl").write_text(rows(CORPUS))
    (tmp_path / "queries.jsonl").write_text(rows(QUERIES))
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td1\t2\nq1\td2\t0\n")
    return tmp_path


def test_it_is_told_by_its_corpus(folder):
    dataset = load_dataset(str(folder))
    assert isinstance(dataset, BeirFolder) and dataset.splits == ("test",) and dataset.has_judged("test")
    assert dataset.has_judged() and not dataset.has_judged("dev")
    texts = ["Moon The moon is far.", "Cheese is milk.", "No title."]
    assert [*dataset.passages()] == [("d1", texts[0]), ("d2", texts[1]), ("d3", texts[2])]
    assert dataset.collection_key.startswith(f"{slug(folder.name)}-")
    for split in ("test", None):
        assert dataset.queries(split) == {"q1": "how far is the moon"}  # q2 is not judged
        assert dataset.qrels(split) == {"q1": {"d1": 2, "d2": 0}}


def test_without_judgments_all_queries_are_one_split(folder):
    (folder / "qrels" / "test.tsv").unlink()
    dataset = BeirFolder(folder)
    assert dataset.splits == () and list(dataset.queries()) == ["q1", "q2"]
    with pytest.raises(UserError, match=r"has no qrels/SPLIT.tsv"):
        dataset.qrels()


def test_a_split_must_be_one_of_several(folder):
    (folder / "qrels" / "dev.tsv").write_text("query-id\tcorpus-id\tscore\nq2\td2\t1\n")
    (folder / "qrels" / "dev.tsv.sha256").write_text("0\n")
    dataset = BeirFolder(folder)
    assert dataset.splits == ("dev", "test") and dataset.queries("dev") == {"q2": "cheese"}
    for split, told in ((None, "has several splits; name one with --split: dev, test"), ("x", "has no split 'x'")):
        with pytest.raises(UserError, match=told):
            dataset.queries(split)


def test_a_corpus_that_changes_between_key_and_reading_is_refused(folder):
    dataset = BeirFolder(folder)
    assert dataset.collection_key
    (folder / "corpus.jsonl").write_text('{"_id": "d1", "text": "other"}\n')
    with pytest.raises(UserError, match=r"corpus.jsonl: changed while it was read"):
        list(dataset.passages())


@pytest.mark.parametrize("name", ["corpus.jsonl", "queries.jsonl", "qrels/test.tsv"])
def test_no_output_replaces_its_files(folder, name):
    with pytest.raises(UserError, match="is a file of the data set there"):
        spare_own_file(folder / name)


def test_a_compressed_corpus_is_read(folder):
    data = (folder / "corpus.jsonl").read_bytes()
    (folder / "corpus.jsonl").unlink()
    (folder / "corpus.jsonl.gz").write_bytes(gzip.compress(data))
    assert [passage.passage_id for passage in load_dataset(str(folder)).passages()] == ["d1", "d2", "d3"]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("{", "is not JSON"),
        ("[]", "is not a JSON object"),
        ('{"_id": 3, "text": "x"}', '"_id" is not a string'),
        ('{"_id": "d4"}', '"text" is not a string'),
        ('{"_id": "d 3", "text": "x"}', "holds white space"),
        ('{"_id": "d4\\u00a0", "text": "x"}', "holds white space"),
        ('{"_id": "d4", "text": "\\u0000"}', "a NUL character"),
        ('{"_id": "d4", "text": "\\ud800"}', "half of a surrogate pair"),
        ('{"_id": "d1", "text": "again"}', "occurs twice"),
    ],
)
def test_faults_are_told_by_line(folder, line, fault):
    with open(folder / "corpus.jsonl", "a") as file:
        file.write(line + "\n")
    with pytest.raises(UserError, match=fault) as caught:
        list(load_dataset(str(folder)).passages())
    assert str(caught.value).startswith(f"{folder}/corpus.jsonl:4: ")


def test_an_unknown_split_names_those_that_are_there(folder):
    with pytest.raises(UserError, match="has no split 'dev'.*splits: test"):
        load_dataset(str(folder)).queries("dev")
