"""A folder in BEIR's layout as a data set."""

import gzip
import json

import pytest

from lce_tf.data.beir import BeirDataset
from lce_tf.data.datasets import load_dataset
from lce_tf.errors import UserError

CORPUS = [
    {"_id": "d1", "title": "Moon", "text": "The moon is far.", "metadata": {}},
    {"_id": "d2", "title": "", "text": "Cheese\tis milk."},
]
QUERIES = [{"_id": "q1", "text": "how far is the moon"}, {"_id": "q2", "text": "not judged"}]


@pytest.fixture
def folder(tmp_path):
    for name, rows in (("corpus", CORPUS), ("queries", QUERIES)):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td1\t1\n")
    return tmp_path


def test_a_folder_is_read(folder):
    dataset = load_dataset(str(folder))
    assert isinstance(dataset, BeirDataset)
    assert dataset.splits == ("test",)
    assert [tuple(passage) for passage in dataset.passages()] == [
        ("d1", "Moon The moon is far."),
        ("d2", "Cheese is milk."),
    ]
    assert dataset.queries() == dataset.queries("test") == {"q1": "how far is the moon"}
    assert dataset.qrels("test") == {"q1": {"d1": 1}}


def test_a_compressed_corpus_is_read(folder):
    data = (folder / "corpus.jsonl").read_bytes()
    (folder / "corpus.jsonl").unlink()
    (folder / "corpus.jsonl.gz").write_bytes(gzip.compress(data))
    assert [passage.passage_id for passage in load_dataset(str(folder)).passages()] == ["d1", "d2"]


def test_without_judgments_all_queries_are_the_split_none(folder):
    (folder / "qrels" / "test.tsv").unlink()
    assert list(load_dataset(str(folder)).queries()) == ["q1", "q2"]
    with pytest.raises(UserError, match="has no qrels/SPLIT.tsv"):
        load_dataset(str(folder)).qrels()


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("{", "is not JSON"),
        ("[]", "is no JSON object"),
        ('{"_id": 3, "text": "x"}', '"_id" is no string'),
        ('{"_id": "d3"}', '"text" is no string'),
        ('{"_id": "d 3", "text": "x"}', "holds white space"),
        ('{"_id": "d3\\u00a0", "text": "x"}', "holds white space"),
        ('{"_id": "d3", "text": "\\u0000"}', "a NUL character"),
        ('{"_id": "d3", "text": "\\ud800"}', "half of a surrogate pair"),
        ('{"_id": "d1", "text": "again"}', "is there twice"),
    ],
)
def test_faults_are_told_by_line(folder, line, fault):
    with open(folder / "corpus.jsonl", "a") as file:
        file.write(line + "\n")
    with pytest.raises(UserError, match=fault) as caught:
        list(load_dataset(str(folder)).passages())
    assert str(caught.value).startswith(f"{folder}/corpus.jsonl:3: ")


def test_an_unknown_split_names_those_that_are_there(folder):
    with pytest.raises(UserError, match="has no split 'dev'.*splits: test"):
        load_dataset(str(folder)).queries("dev")
