"""`pydocs`: a real collection of queries and passages, made from the docstrings of installed packages.

A query is the first sentence of a docstring, its one relevant passage the prose that follows. The files are built once
into the cache, in MS MARCO's layout, and registered with `ir_datasets` as `pydocs` and `pydocs/{train,dev,test}`.
"""

import contextlib
import functools
import hashlib
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from lce_tf.data.pydocs.docstrings import folded, query_and_passage
from lce_tf.data.pydocs.installed_sources import installed_docstrings, installed_versions
from lce_tf.data.pydocs.near_duplicates import grouped, near_pairs
from lce_tf.errors import UserError
from lce_tf.foundation.files import built_folder, cache_dir, sha256_of, written

# The packages that are read, at the versions of the lock file. Packages whose Python files differ between platforms
# (torch) are left out.
DISTRIBUTIONS: Mapping[str, str] = MappingProxyType(
    {
        "datasets": "5.2.0",
        "fonttools": "4.68.0",
        "fsspec": "2026.9.0",
        "huggingface_hub": "2.4.0",
        "keras": "3.15.1",
        "matplotlib": "3.11.2",
        "networkx": "3.6.1",
        "numpy": "2.4.6",
        "openai": "2.30.0",
        "pandas": "3.1.1",
        "pydantic": "2.14.3",
        "scikit-learn": "1.9.1",
        "scipy": "1.17.1",
        "sentence-transformers": "6.2.0",
        "sympy": "1.14.0",
        "tensorboard": "2.20.0",
        "tensorflow": "2.20.0",
        "tensorflow-datasets": "4.9.10",
        "tensorflow-model-optimization": "0.8.1",
        "tf-models-official": "2.20.0",
        "tf_keras": "2.20.1",
        "transformers": "5.23.0",
    }
)
# The SHA-256 of the built files, in the order of FILES. Update it when the table, the extraction or the splits change;
# the error of `folder()` gives the new value.
PYDOCS_SHA256 = "3fe3711d056d724d0e7fd8acb1d91bf0f0427d66bebc3c889d54db29cb5da7dc"

SHARES: Mapping[str, float] = MappingProxyType({"test": 0.08, "dev": 0.12, "train": 0.80})
SPLITS = ("train", "dev", "test")
FILES = (
    "collection.tsv",
    *(f"queries.{split}.tsv" for split in SPLITS),
    *(f"qrels.{split}.tsv" for split in SPLITS),
    "sources.tsv",
)
UNLOCKED = "LCE_PYDOCS_UNLOCKED"


class Pair(NamedTuple):
    """A query, its passage, and the docstring they come from."""

    query: str
    passage: str
    distribution: str
    module: str
    name: str

    @property
    def query_id(self) -> str:
        """`q` and ten hexadecimal digits, a hash of the query's text alone."""
        return "q" + hashlib.sha256(self.query.encode()).hexdigest()[:10]

    @property
    def passage_id(self) -> str:
        """`p` and ten hexadecimal digits, a hash of the passage's text alone."""
        return "p" + hashlib.sha256(self.passage.encode()).hexdigest()[:10]


def key() -> str:
    """A short name for the collection's contents; names its folder and everything derived from it.

    With `LCE_PYDOCS_UNLOCKED=1` it depends on the installed versions instead, since the contents are not known before
    the build.
    """
    if not _unlocked():
        return PYDOCS_SHA256[:12]
    state = repr((PYDOCS_SHA256, sorted(_installed().items())))
    return "unlocked-" + hashlib.sha256(state.encode()).hexdigest()[:12]


def folder() -> Path:
    """The folder with `collection.tsv`, `queries.SPLIT.tsv`, `qrels.SPLIT.tsv` and `sources.tsv`; built if missing.

    The build takes about half a minute and may run in several processes at once.

    Raises:
        UserError: the installed packages give other text than recorded; lists the versions that differ.
    """
    path = _location()
    if _unlocked():
        _warn_of_unlocked(path)
    if not path.is_dir():
        if not _unlocked() and None in _installed().values():
            raise UserError(_mismatch("nothing, as packages are missing"))
        with built_folder(path) as scratch:
            write(select(read_pairs(DISTRIBUTIONS)), scratch)
            found = sha256_of(*(scratch / name for name in FILES))
            if not _unlocked() and found != PYDOCS_SHA256:
                raise UserError(_mismatch(found))
    return path


def _location() -> Path:
    return cache_dir() / "pydocs" / key()


def _unlocked() -> bool:
    return os.environ.get(UNLOCKED, "") not in ("", "0")


@functools.cache
def _installed() -> Mapping[str, str | None]:
    return installed_versions(DISTRIBUTIONS)


def differing() -> list[str]:
    """`name expected → found`, one line for each installed distribution that is not the table's version."""
    return [
        f"{name} {DISTRIBUTIONS[name]} expected, {version or 'not'} {'found' if version else 'installed'}"
        for name, version in _installed().items()
        if version != DISTRIBUTIONS[name]
    ]


def _mismatch(found: str) -> str:
    return (
        f"pydocs: the docstrings of the installed packages give {found}, but {PYDOCS_SHA256} was recorded; "
        f"{'; '.join(differing()) or 'all versions agree, so installed files or the extraction were changed'}; "
        f"install the versions of the lock file, or set {UNLOCKED}=1 to use what is installed as a collection of its "
        "own, whose figures are not comparable with others"
    )


@functools.cache
def _warn_of_unlocked(path: Path) -> None:
    print(
        f"warning: {UNLOCKED} is set: pydocs is NOT the recorded collection but {path.name}, built from the installed "
        f"packages ({'; '.join(differing()) or 'all versions agree'}); its figures are not comparable with others",
        file=sys.stderr,
    )


def read_pairs(distributions: Iterable[str]) -> Iterator[Pair]:
    """The pairs in the docstrings of installed distributions, including repetitions; no package is imported."""
    for distribution, module, name, docstring in installed_docstrings(distributions):
        if both := query_and_passage(docstring):
            yield Pair(both.query, both.passage, distribution, module, name)


def select(pairs: Iterable[Pair]) -> list[Pair]:
    """The pairs in order of passage id, each query and each passage once, independent of the input's order.

    Texts are compared without case, punctuation and spacing. Of equal ones the alphabetically first pair is kept.
    """
    queries: set[str] = set()
    passages: set[str] = set()
    kept = []
    for pair in sorted(pairs):
        query, passage = folded(pair.query), folded(pair.passage)
        if query not in queries and passage not in passages:
            queries.add(query)
            passages.add(passage)
            kept.append(pair)
    return sorted(kept, key=lambda pair: pair.passage_id)


def splits(pairs: Sequence[Pair]) -> list[str]:
    """The split of each pair; near-duplicates (in passage, or in query and passage together) get the same split.

    `pairs` must be in order of passage id. The split is a function of the smallest passage id among the
    near-duplicates, so it depends neither on the order nor on which other packages are read.
    """
    passages = [folded(pair.passage) for pair in pairs]
    whole = [folded(f"{pair.query} {pair.passage}") for pair in pairs]
    groups = grouped(len(pairs), {*near_pairs(passages), *near_pairs(whole)})
    return [_split_of(pairs[group].passage_id) for group in groups]


def _split_of(passage_id: str) -> str:
    point = int(hashlib.sha256(passage_id.encode()).hexdigest()[:8], 16) / 2**32
    for split, share in SHARES.items():
        point -= share
        if point < 0:
            return split
    return "train"


def write(pairs: Sequence[Pair], path: Path) -> None:
    """Writes selected pairs as the files of a collection in MS MARCO's layout.

    Raises:
        ValueError: two texts share an id.
    """
    for ids in ([pair.query_id for pair in pairs], [pair.passage_id for pair in pairs]):
        if len(set(ids)) != len(ids):
            raise ValueError("two texts share their ten hexadecimal digits; ids need more of them")
    _write_rows(path / "collection.tsv", [(pair.passage_id, pair.passage) for pair in pairs])
    by_query = sorted(zip(pairs, splits(pairs), strict=True), key=lambda item: item[0].query_id)
    for split in SPLITS:
        chosen = [pair for pair, its in by_query if its == split]
        _write_rows(path / f"queries.{split}.tsv", [(pair.query_id, pair.query) for pair in chosen])
        _write_rows(path / f"qrels.{split}.tsv", [(pair.query_id, "0", pair.passage_id, "1") for pair in chosen])
    _write_rows(path / "sources.tsv", [(pair.passage_id, pair.query_id, *pair[2:]) for pair in pairs])


def _write_rows(path: Path, rows: Iterable[Sequence[str]]) -> None:
    with written(path) as file:
        file.writelines("\t".join(row) + "\n" for row in rows)


def register() -> None:
    """Makes `ir_datasets.load` know `pydocs` (docs) and `pydocs/{train,dev,test}` (docs, queries, qrels).

    May be called repeatedly. The collection is built on first use; look-up files are kept beside it in the cache.
    """
    import ir_datasets

    if "pydocs" in set(ir_datasets.registry):
        return
    docs = ir_datasets.formats.TsvDocs(_CachedFile("collection.tsv"), lang="en", namespace="pydocs")
    docs.docs_count = _count_passages
    ir_datasets.registry.register("pydocs", ir_datasets.Dataset(docs))
    for split in SPLITS:
        queries = ir_datasets.formats.TsvQueries(_CachedFile(f"queries.{split}.tsv"), lang="en", namespace="pydocs")
        qrels = ir_datasets.formats.TrecQrels(_CachedFile(f"qrels.{split}.tsv"), {1: "the prose of the same docstring"})
        ir_datasets.registry.register(f"pydocs/{split}", ir_datasets.Dataset(docs, queries, qrels))


def _count_passages() -> int:
    with open(folder() / "collection.tsv", "rb") as file:
        return sum(1 for _ in file)


class _CachedFile:
    """One of FILES with the interface of ir_datasets' downloads; built on first use."""

    def __init__(self, name: str):
        self.name = name

    def path(self, force: bool = True) -> Path:
        return (folder() if force else _location()) / self.name

    @contextlib.contextmanager
    def stream(self):
        with open(self.path(), "rb") as file:
            yield file
