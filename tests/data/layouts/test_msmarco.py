"""Folders in MS MARCO's layout: splits, identity, and rows that are refused with their line."""

import gzip
import json
import re

import pytest

from lce_tf.data import hashes
from lce_tf.data.layouts import spare_own_file
from lce_tf.data.layouts.msmarco import MsMarcoFolder
from lce_tf.data.records import Passage
from lce_tf.data.source import Source
from lce_tf.errors import UserError


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    path = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("LCE_CACHE", str(path))
    return path


@pytest.fixture
def make(tmp_path):
    def write(**files: bytes | str) -> MsMarcoFolder:
        path = tmp_path / "my set"
        path.mkdir(exist_ok=True)
        files = {"collection__tsv": b"p1\tone\n", **files}
        for name, data in files.items():
            (path / name.replace("__", ".")).write_bytes(data.encode() if isinstance(data, str) else data)
        return MsMarcoFolder(path)

    return write


def test_passages_keep_their_order_and_fold_white_space(make):
    data = "\ufeff07\t one \ttwo  three\u2028four\r\n7\t\r\n\r\nx#y\t[SEP] é\x0bend"
    wanted = [Passage("07", "one two three four"), Passage("7", ""), Passage("x#y", "[SEP] é end")]
    assert list(make(collection__tsv=data).passages()) == wanted


def test_gzipped_files(make, tmp_path):
    plain = make(queries__dev__tsv="q\tx\n", qrels__dev__txt="q 0 p1 1\n")
    path = tmp_path / "packed"
    path.mkdir()
    for file in plain.path.iterdir():
        (path / f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
    packed = MsMarcoFolder(path)
    assert list(packed.passages()) == [("p1", "one")] and packed.splits == ("dev",)
    assert packed.queries("dev") == {"q": "x"} and packed.qrels() == {"q": {"p1": 1}}


def test_a_passage_of_a_megabyte(make):
    [passage] = make(collection__tsv="p\t" + "word " * 200_000).passages()
    assert len(passage.text) == 999_999


@pytest.mark.parametrize(
    ("data", "line", "words"),
    [
        ("a\tx\nb y\n", 2, "'b y' has no tab"),
        ("a\tx\n\tx\n", 2, "passage id '' is empty"),
        ("a\tx\nb c\tx\n", 2, "passage id 'b c' holds white space"),
        ("a\tx\n\nb\ty\na\tz\n", 4, "passage id a occurs twice"),
        (b"a\tx\nb\t\xff\n", 2, "byte 0xff is not UTF-8"),
        (b"a\tx\nb\ty\0\n", 2, "NUL byte"),
    ],
)
def test_collection_faults_are_told_by_line(make, data, line, words):
    dataset = make(collection__tsv=data)
    with pytest.raises(UserError, match=re.escape(words)) as caught:
        list(dataset.passages())
    assert f"collection.tsv:{line}: " in str(caught.value)


@pytest.mark.parametrize(
    ("data", "line", "words"),
    [
        ("a\tx\nb\t \n", 2, "query b has no text"),
        ("a\tx\nb\ty\na\tx\n", 3, "query id a occurs twice"),
        ("a\tx\nnothing\n", 2, "has no tab"),
    ],
)
def test_query_faults_are_told_by_line(make, data, line, words):
    with pytest.raises(UserError, match=re.escape(words)) as caught:
        make(queries__dev__tsv=data).queries("dev")
    assert f"queries.dev.tsv:{line}: " in str(caught.value)


def test_empty_and_torn_files(make):
    with pytest.raises(UserError, match="no passages"):
        list(make(collection__tsv="\n").passages())
    with pytest.raises(UserError, match="no queries"):
        make(queries__dev__tsv="").queries()
    torn = make(queries__dev__tsv__gz=gzip.compress(b"q\tx\n" * 99)[:-9], queries__dev__tsv="q\tx\n")
    assert torn.queries() == {"q": "x"}
    (torn.path / "queries.dev.tsv").unlink()
    with pytest.raises(UserError, match="cut-off gzip"):
        torn.queries()


def test_the_only_split_needs_no_name(make):
    dataset = make(queries__test__tsv="q\tx\n", qrels__test__tsv="q\t0\tp1\t1\n", queries__test__tsv__bak="")
    assert dataset.splits == ("test",)
    assert dataset.queries() == dataset.queries("test") == {"q": "x"}
    assert dataset.qrels() == {"q": {"p1": 1}}


def test_files_without_a_split_are_the_split_none(make):
    dataset = make(queries__tsv="q\tx\n", qrels__txt="q 0 p1 1\n", queries__dev__tsv="r\ty\n")
    assert dataset.queries() == {"q": "x"} and dataset.queries("dev") == {"r": "y"}
    assert dataset.qrels() == {"q": {"p1": 1}} and dataset.splits == ("dev",)
    with pytest.raises(UserError, match=r"no split 'test'.*leave --split out"):
        dataset.queries("test")


def test_several_splits_want_a_name(make):
    dataset = make(queries__train__tsv="q\tx\n", queries__dev__tsv="r\ty\n")
    for ask in (dataset.queries, dataset.qrels):
        with pytest.raises(UserError, match="name one with --split: dev, train"):
            ask()
    with pytest.raises(UserError, match=r"no split 'test' \(no queries.test.tsv\); splits: dev, train"):
        dataset.queries("test")
    with pytest.raises(UserError, match=r"has no qrels.dev.tsv or qrels.dev.txt"):
        dataset.qrels("dev")


def test_official_names_of_the_small_dev_set(make):
    dataset = make(
        queries__train__tsv="t\tx\n",
        queries__dev__tsv="all\tx\n",
        queries__dev__small__tsv="small\tx\n",
        qrels__dev__small__tsv="small\t0\tp1\t1\n",
    )
    assert dataset.splits == ("dev", "dev.small", "train")
    assert dataset.queries("dev") == dataset.queries("dev.small") == {"small": "x"}
    assert dataset.qrels("dev") == {"small": {"p1": 1}}


def test_folders_that_are_no_datasets(tmp_path):
    with pytest.raises(UserError, match="no such folder"):
        MsMarcoFolder(tmp_path / "none")
    with pytest.raises(UserError, match="has no collection.tsv"):
        MsMarcoFolder(tmp_path)


def test_the_key_names_folder_and_contents(make, cache, monkeypatch):
    digest = "47528fe9add812ed31bdbf34c8b4fd46e281948e1d62043b94a83211fa44bc66"  # printf 'p1\tone\n' | sha256sum
    dataset = make()
    assert dataset.collection_key == "my-set-47528fe9add812ed"
    with monkeypatch.context() as patch:
        patch.setattr(hashes, "LARGE", 7)
        assert MsMarcoFolder(dataset.path).collection_key == "my-set-47528fe9add812ed"
        [[size, *_, known]] = json.loads((cache / "hashes.json").read_text()).values()
        assert (size, known) == (7, digest)
        patch.setattr(Source, "read_through", None)  # a second hashing would fail
        assert MsMarcoFolder(dataset.path).collection_key == "my-set-47528fe9add812ed"
    assert make(collection__tsv="p1\tother\n").collection_key != "my-set-47528fe9add812ed"


def test_a_collection_that_changes_between_key_and_reading_is_refused(make):
    dataset = make()
    assert dataset.collection_key == "my-set-47528fe9add812ed"
    (dataset.path / "collection.tsv").write_text("p1\tother\n")
    with pytest.raises(UserError, match=r"collection.tsv: changed while it was read"):
        list(dataset.passages())
    again = MsMarcoFolder(dataset.path)
    assert [passage.text for passage in again.passages()] == ["other"]
    (dataset.path / "collection.tsv").write_text("p1\tone\n")  # the key is of the contents that were read
    assert again.collection_key != "my-set-47528fe9add812ed"


def test_a_damaged_memory_of_hashes_is_made_again(make, cache, monkeypatch):
    monkeypatch.setattr(hashes, "LARGE", 7)
    (cache / "hashes.json").write_text("{torn")
    assert make().collection_key == "my-set-47528fe9add812ed"
    assert len(json.loads((cache / "hashes.json").read_text())) == 1


TREC_FILES = {
    "msmarco-test2019-queries__tsv": "7\twhat is a lamp\n8\tnot judged\n",
    "2019qrels-pass__txt": "7 Q0 p1 3\n",
}


@pytest.mark.parametrize("split", ["dl19", "trec-dl-2019", "trec-dl-2019/judged"])
def test_trecs_own_file_names(make, split):
    dataset = make(queries__dev__tsv="q\tx\n", qrels__dev__txt="q 0 p1 1\n", **TREC_FILES)
    assert dataset.splits == ("dev", "dl19") and dataset.has_judged(split)
    assert dataset.queries(split) == {"7": "what is a lamp", "8": "not judged"}
    assert dataset.qrels(split) == {"7": {"p1": 3}}
    other = make(queries__dl19__tsv="9\town\n", **TREC_FILES)  # a file of the usual name comes first
    assert other.queries(split) == {"9": "own"}


def test_what_is_judged(make):
    dataset = make(queries__dev__tsv="q\tx\n", qrels__dev__txt="q 0 p1 1\n", queries__eval__tsv="q\tx\n")
    judged = {split: dataset.has_judged(split) for split in ("dev", "eval", "test", "dl19", None)}
    assert judged == {"dev": True, "eval": False, "test": False, "dl19": False, None: False}
    with pytest.raises(UserError, match=r"has no qrels.dl19.tsv or qrels.dl19.txt or 2019qrels-pass.tsv or 2019q"):
        make(**{"msmarco-test2019-queries__tsv": "7\tlamp\n"}).qrels("dl19")


@pytest.mark.parametrize("name", ["collection.tsv", "queries.dev.small.tsv", "qrels.txt", "2019qrels-pass.txt"])
def test_its_files_are_not_written_over(make, name):
    folder = make(**{name: "p1\tone\n"}).path
    with pytest.raises(UserError, match=f"{name}: is a file of the data set there, which would be lost"):
        spare_own_file(folder / name)


def test_what_is_spared_is_only_that(make, tmp_path):
    folder = make(run__trec="q1 Q0 p1 1 1 a\n").path
    (tmp_path / "queries.tsv").write_text("")  # no collection beside it
    for output in (folder / "run.trec", folder / "queries.dev.tsv", tmp_path / "queries.tsv"):
        assert spare_own_file(output) is None  # nothing is raised
