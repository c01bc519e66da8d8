"""Datasets by name: folder or id, split aliases, texts, and the errors of failed downloads."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from lce_tf.data import irds
from lce_tf.data.datasets import load_dataset
from lce_tf.data.irds import SPLITS, IrDataset
from lce_tf.data.layouts.msmarco import MsMarcoFolder
from lce_tf.data.pydocs import collection as pydocs
from lce_tf.errors import UserError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def ir(tmp_path, monkeypatch):
    """Puts a small local dataset into ir_datasets' registry for the length of a test."""
    library = irds.library()
    files = {"docs_tsv": "p1\t one \u2028 two\np2\t\n", "queries_tsv": "q1\tthe  query\n", "qrels_trec": "q1 0 p1 2\n"}

    def register(name: str, *parts: str):
        paths = {}
        for part in parts:
            paths[part] = tmp_path / f"{name.replace('/', '-')}.{part}"
            paths[part].write_text(files[part].replace("q1", f"q-{name}"))
        monkeypatch.setitem(library.registry._registered, name, library.create_dataset(**paths))

    return register


ALL = ("docs_tsv", "queries_tsv", "qrels_trec")


@pytest.fixture
def no_network(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.setenv(name.upper(), "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("IR_DATASETS_DL_TRIES", "1")
    monkeypatch.setenv("IR_DATASETS_SKIP_DISK_FREE", "true")


def collection(path: Path) -> Path:
    path.mkdir(parents=True)
    (path / "collection.tsv").write_text("p1\tone\n")
    return path


def test_folders_by_path(tmp_path, monkeypatch):
    path = collection(tmp_path / "my set")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in (str(path), "my set", "./my set/", "~/my set"):
        dataset = load_dataset(name)
        assert isinstance(dataset, MsMarcoFolder) and list(dataset.passages()) == [("p1", "one")]


def test_a_folder_without_collection_does_not_hide_an_id(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "vaswani").mkdir()
    (tmp_path / "runs").mkdir()
    assert isinstance(load_dataset("vaswani"), IrDataset)
    for name in ("./vaswani", "runs", str(tmp_path)):
        with pytest.raises(UserError, match="has no collection.tsv"):
            load_dataset(name)
    collection(tmp_path / "beir" / "msmarco")
    assert isinstance(load_dataset("beir/msmarco"), MsMarcoFolder)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("./none", "./none: no such folder"),
        ("/none/at/all", "/none/at/all: no such folder"),
        ("../none/", "../none/: no such folder"),
        ("file.tsv", "file.tsv: is a file; name the folder"),
        ("msmarco-pasage", "'msmarco-pasage': is neither a folder nor an ir_datasets id; close: msmarco-passage,"),
        ("pydoc", "close: pydocs"),
        ("pydocs/eval", "close: pydocs"),
        ("", "'': is neither a folder nor an ir_datasets id; https://ir-datasets.com"),
    ],
)
def test_names_of_nothing(tmp_path, monkeypatch, name, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.tsv").write_text("")
    with pytest.raises(UserError, match=re.escape(words)):
        load_dataset(name)


def test_an_id_with_queries_of_its_own_needs_no_split(ir):
    ir("zz", *ALL)
    dataset = load_dataset("zz")
    assert list(dataset.passages()) == [("p1", "one two"), ("p2", "")]
    assert dataset.queries() == {"q-zz": "the query"} and dataset.qrels() == {"q-zz": {"p1": 2}}
    assert dataset.splits == () and dataset.name == "zz"
    with pytest.raises(UserError, match="zz: has no split 'dev' with queries; leave --split out"):
        dataset.queries("dev")


def test_splits_are_ids_below(ir):
    ir("zz", "docs_tsv", "queries_tsv")
    ir("zz/test", *ALL)
    ir("zz/train/judged", *ALL)
    ir("zz/anchors", "docs_tsv")
    dataset = load_dataset("zz")
    assert dataset.splits == ("test", "train/judged")
    assert dataset.queries("test") == {"q-zz/test": "the query"} and dataset.queries() == {"q-zz": "the query"}
    assert list(dataset.qrels("train/judged")) == ["q-zz/train/judged"]
    with pytest.raises(UserError, match="zz: has several splits with qrels; name one with --split: test, train/judged"):
        dataset.qrels()
    with pytest.raises(
        UserError, match="no split 'dev' with queries; name one .*: test, train/judged or leave --split"
    ):
        dataset.queries("dev")


def test_the_only_split_needs_no_name(ir):
    ir("zz", "docs_tsv")
    ir("zz/test", *ALL)
    assert list(load_dataset("zz").queries()) == list(load_dataset("zz").qrels()) == ["q-zz/test"]


def test_aliases_of_msmarco(ir):
    ir("msmarco-passage/dev/small", *ALL)
    ir("msmarco-passage/train/judged", *ALL)
    dataset = load_dataset("msmarco-passage")
    assert dataset.splits[:5] == ("train", "dev", "eval", "dl19", "dl20")
    assert list(dataset.queries("dev")) == ["q-msmarco-passage/dev/small"]
    assert list(dataset.qrels("train")) == ["q-msmarco-passage/train/judged"]
    assert list(load_dataset("msmarco-passage/dev/small").qrels()) == ["q-msmarco-passage/dev/small"]


def test_what_is_judged_shows_without_a_download(ir):
    dataset = load_dataset("msmarco-passage")
    splits = ("dev", "eval", "dl19", "trec-dl-2019/judged", "none", None)
    judged = {split: dataset.has_judged(split) for split in splits}
    assert judged == {"dev": True, "eval": False, "dl19": True, "trec-dl-2019/judged": True, "none": False, None: False}
    assert load_dataset("beir/scifact/test").has_judged() and not load_dataset("beir/scifact").has_judged()
    ir("zz", "docs_tsv")
    ir("zz/test", *ALL)
    assert load_dataset("zz").has_judged() and load_dataset("zz").has_judged("test")


def test_every_alias_exists():
    for name, aliases in SPLITS.items():
        dataset = load_dataset(name)
        assert set(aliases) <= set(dataset.splits)


def test_the_key_is_that_of_the_whole_collection():
    assert load_dataset("msmarco-passage").collection_key == "msmarco-passage-8841823"
    assert load_dataset("msmarco-passage/trec-dl-2019/judged").collection_key == "msmarco-passage-8841823"
    assert load_dataset("beir/scifact/test").collection_key == "beir-scifact-5183"


def test_pydocs_is_an_id_like_any_other():
    assert load_dataset("pydocs").splits == ("dev", "test", "train")
    for name in ("pydocs", "pydocs/dev"):
        assert load_dataset(name).collection_key == f"pydocs-{pydocs.key()}"


def test_records_without_a_default_text():
    class Record(NamedTuple):
        doc_id: str
        title: str
        year: int
        body: str

    class Titled(Record):
        def default_text(self):
            return f"{self.title}: {self.body}"

    assert irds._text(Record("d", "a title", 1999, "its body")) == "a title its body"
    assert irds._text(Titled("d", "a title", 1999, "its body")) == "a title: its body"


def test_a_failed_download_says_what_and_where(no_network):
    with pytest.raises(UserError) as caught:
        load_dataset("msmarco-passage").queries("dev")
    place = irds.library().util.home_path() / "downloads" / "31644046b18952c1386cd4564ba2ae69"
    assert str(caught.value).startswith(
        "msmarco-passage/dev/small: cannot download https://msmarco.z22.web.core.windows.net/msmarcoranking/"
        "collectionandqueries.tar.gz (1,057,718 kB): "
    )
    assert str(caught.value).endswith(f"; try again with a network, or put the file at {place}")
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match=r"^vaswani: cannot download http://ir.dcs.gla.ac.uk/.*/npl.tar.gz"):
        next(load_dataset("vaswani").passages())


def test_files_that_must_be_fetched_by_hand(ir, tmp_path, monkeypatch):
    library = irds.library()
    docs = library.formats.TsvDocs(library.util.LocalDownload(tmp_path / "licensed" / "docs.tsv", "sign first"))
    monkeypatch.setitem(library.registry._registered, "zz", library.Dataset(docs))
    with pytest.raises(
        UserError, match=r"zz: .*licensed/docs.tsv must be put there by hand; https://ir-datasets.com/zz"
    ):
        list(load_dataset("zz").passages())


def test_faults_that_are_no_downloads_pass_through():
    for error in (RuntimeError("a bug"), PermissionError(13, "Permission denied", "/x"), ValueError("another")):
        with pytest.raises(type(error), match="."), irds.downloads("zz"):
            raise error
    with pytest.raises(UserError, match="zz: Insufficient disk space"), irds.downloads("zz"):
        raise ValueError("Insufficient disk space: /x requires 1 GB")


@pytest.mark.parametrize("case", ["named", "there already", "ours"])
def test_where_ir_datasets_keeps_its_files(tmp_path, case):
    expected = {"named": "named", "there already": "home/.ir_datasets", "ours": "cache/ir_datasets"}[case]
    (tmp_path / "home").mkdir()
    environment = {key: value for key, value in os.environ.items() if key != "IR_DATASETS_HOME"}
    environment |= {"HOME": str(tmp_path / "home"), "LCE_CACHE": str(tmp_path / "cache")}
    if case == "named":
        environment["IR_DATASETS_HOME"] = str(tmp_path / "named")
    if case == "there already":
        (tmp_path / "home" / ".ir_datasets").mkdir()
    code = "from lce_tf.data import irds; print(irds.library().util.home_path())"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.stdout.strip() == str(tmp_path / expected), done.stderr
