"""A dataset that is a folder in MS MARCO's layout."""

import functools
import re
from array import array
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lce_tf.data.qrels import Qrels, read_qrels
from lce_tf.data.records import Dataset, Passage, one_line, slug
from lce_tf.data.text import lines
from lce_tf.errors import UserError
from lce_tf.files import cache_dir, read_json, sha256_of, write_json

_LAYOUT = "collection.tsv[.gz], queries.SPLIT.tsv[.gz] and qrels.SPLIT.tsv|txt[.gz]"


class FolderDataset(Dataset):
    """The dataset in a folder: `collection.tsv`, `queries.SPLIT.tsv`, `qrels.SPLIT.tsv` or `.txt`, gzipped or not.

    Rows of the first two are `id<tab>text`; tabs within a text become spaces. `queries.tsv` and `qrels.txt` without
    a split's name are the split None. Where MS MARCO's own `queries.dev.small.tsv` lies, `dev` means `dev.small`,
    the 6,980 queries that the literature calls dev; likewise `eval`.

    Raises:
        UserError: no folder, or no collection in it; later, with file and line, rows without a tab, ids that are
            empty, hold white space or come twice, queries without text, NUL, bytes that are not UTF-8, torn gzip.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.name = str(path)
        if not self.path.is_dir():
            raise UserError(f"{path}: no such folder; a dataset folder holds {_LAYOUT}")
        self._collection = _one_of(self.path, "collection", ("tsv",))
        if self._collection is None:
            raise UserError(f"{path}: has no collection.tsv or collection.tsv.gz; a dataset folder holds {_LAYOUT}")
        found = [re.fullmatch(r"queries(?:\.(.+))?\.tsv(\.gz)?", file.name) for file in self.path.iterdir()]
        splits = {match[1] for match in found if match}
        self.splits = tuple(sorted(splits - {None}))
        self._splitless = None in splits

    @functools.cached_property
    def collection_key(self) -> str:
        """The folder's name and the first 16 digits of the SHA-256 of the collection file's bytes."""
        return f"{slug(self.path.resolve().name)}-{_remembered_sha256(self._collection)[:16]}"

    def passages(self) -> Iterator[Passage]:
        """Yields the passages in the file's order; empty texts are kept.

        A repeated id is found at the end of the file, by 8 bytes a passage: a set of ids would take a gigabyte.
        """
        hashes = array("q")
        for _, passage_id, text in _rows(self._collection, "passage"):
            hashes.append(hash(passage_id))
            yield Passage(passage_id, text)
        if not hashes:
            raise UserError(f"{self._collection}: has no passages; its rows are: id, tab, text")
        ordered = np.sort(np.frombuffer(hashes, np.int64))
        if suspects := set(ordered[1:][ordered[1:] == ordered[:-1]].tolist()):
            self._refuse_repeated(suspects)

    def queries(self, split: str | None = None) -> dict[str, str]:
        """The queries of `split`, in the file's order; None is the only split, or the one without a name."""
        path = self._file("queries", self._resolved(split), ("tsv",))
        queries: dict[str, str] = {}
        for number, query_id, text in _rows(path, "query"):
            if query_id in queries:
                raise UserError(f"{path}:{number}: query id {query_id} is there twice; keep one of the lines")
            if not text:
                raise UserError(f"{path}:{number}: query {query_id} has no text; fill in or drop the line")
            queries[query_id] = text
        if not queries:
            raise UserError(f"{path}: has no queries; its rows are: id, tab, text")
        return queries

    def qrels(self, split: str | None = None) -> Qrels:
        """The judgments of `split`; None is the only split, or the one without a name."""
        return read_qrels(self._file("qrels", self._resolved(split), ("tsv", "txt")))

    def _resolved(self, split: str | None) -> str | None:
        if split is None:
            if self._splitless or not self.splits:
                return None
            if len(self.splits) == 1:
                return self.splits[0]
            raise UserError(f"{self.name}: has several splits; name one with --split: {', '.join(self.splits)}")
        if f"{split}.small" in self.splits:
            return f"{split}.small"
        if split not in self.splits:
            known = ", ".join(self.splits) or "none"
            hint = "; leave --split out for queries.tsv" if self._splitless else ""
            raise UserError(f"{self.name}: has no split '{split}' (no queries.{split}.tsv); splits: {known}{hint}")
        return split

    def _file(self, stem: str, split: str | None, endings: tuple[str, ...]) -> Path:
        stem = stem if split is None else f"{stem}.{split}"
        if path := _one_of(self.path, stem, endings):
            return path
        raise UserError(f"{self.path}: has no {' or '.join(f'{stem}.{ending}' for ending in endings)}; add the file")

    def _refuse_repeated(self, suspects: set[int]) -> None:
        seen = set()
        for number, passage_id, _ in _rows(self._collection, "passage"):
            if hash(passage_id) in suspects:
                if passage_id in seen:
                    raise UserError(
                        f"{self._collection}:{number}: passage id {passage_id} is there twice; keep one of the lines"
                    )
                seen.add(passage_id)


def holds_collection(path: str | Path) -> bool:
    """Whether `path` is a folder with a collection in it."""
    return _one_of(Path(path), "collection", ("tsv",)) is not None


def _one_of(folder: Path, stem: str, endings: tuple[str, ...]) -> Path | None:
    names = [f"{stem}.{ending}{packed}" for ending in endings for packed in ("", ".gz")]
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _rows(path: Path, kind: str) -> Iterator[tuple[int, str, str]]:
    """Yields (line number, id, text) for each row of a file of passages or queries."""
    for number, line in lines(path):
        row_id, tab, text = line.partition("\t")
        if not tab:
            raise UserError(f"{path}:{number}: '{line[:40]}' has no tab; a row is: {kind} id, tab, text")
        if row_id.split() != [row_id]:
            raise UserError(
                f"{path}:{number}: {kind} id '{row_id[:40]}' is empty or holds white space; give it one word"
            )
        yield number, row_id, one_line(text)


def _remembered_sha256(path: Path) -> str:
    """The SHA-256 of a file, read anew only if its size or time has changed: a collection has gigabytes."""
    path, memory = path.resolve(), cache_dir() / "hashes.json"
    state = path.stat()
    known = _hashes_in(memory)
    match known.get(str(path)):
        case [state.st_size, state.st_mtime_ns, str(digest)]:
            return digest
    digest = sha256_of(path)
    write_json(memory, {**_hashes_in(memory), str(path): [state.st_size, state.st_mtime_ns, digest]})
    return digest


def _hashes_in(memory: Path) -> dict:
    """What was remembered; a damaged memory is as good as none, since it can be made again."""
    try:
        known = read_json(memory)
    except UserError:
        return {}
    return known if isinstance(known, dict) else {}
