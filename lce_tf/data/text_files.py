"""Files of passages and queries: rows of id and text, tab-separated or JSON objects, each id once."""

import json
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lce_tf.data.records import Passage, checked_id, checked_text
from lce_tf.data.source import Source
from lce_tf.data.text import lines
from lce_tf.errors import UserError

# Endings of compressed files; used only to find the files, the compression is recognised by the first bytes.
PACKED = ("", ".gz", ".bz2", ".xz", ".zst")

# Yields (line number, id, text) for each row of a file; the second argument is "passage" or "query".
Rows = Callable[[Source, str], Iterator[tuple[int, str, str]]]


def one_of(folder: Path, stem: str, endings: tuple[str, ...]) -> Path | None:
    """The first file in `folder` with this stem and one of these endings, compressed or not; None if there is none."""
    names = [f"{stem}.{ending}{packed}" for ending in endings for packed in PACKED]
    return next((folder / name for name in names if (folder / name).is_file()), None)


def tab_rows(source: Source, kind: str) -> Iterator[tuple[int, str, str]]:
    """Rows of id<tab>text.

    Raises:
        UserError: names file and line: a row without a tab, or an id that cannot stand in a run.
    """
    for number, line in lines(source):
        row_id, tab, text = line.partition("\t")
        if not tab:
            raise UserError(f"{source.path}:{number}: '{line[:40]}' has no tab; a row is: {kind} id, tab, text")
        where = f"{source.path}:{number}"
        yield number, checked_id(row_id, kind, where), checked_text(text, where)


def json_rows(source: Source, kind: str) -> Iterator[tuple[int, str, str]]:
    """Rows of BEIR's JSON objects, {"_id": ..., "title": ..., "text": ...}; title and text are joined by a space.

    Raises:
        UserError: with file and line: not a JSON object, `_id` or `text` missing or not a string, or an id that cannot
            stand in a run.
    """
    for number, line in lines(source):
        where = f"{source.path}:{number}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UserError(f"{where}: is not JSON ({str(error).splitlines()[0]}); fix or delete the line") from error
        row_id, title, text = _strings(row, where, kind)
        yield number, checked_id(row_id, kind, where), checked_text(f"{title} {text}", where)


def _strings(row: Any, where: str, kind: str) -> tuple[str, str, str]:
    if not isinstance(row, dict):
        raise UserError(f'{where}: is not a JSON object; a {kind} is {{"_id": "...", "text": "..."}}')
    for name in ("_id", "text"):
        if not isinstance(row.get(name), str):
            raise UserError(f'{where}: its "{name}" is not a string; a {kind} is {{"_id": "...", "text": "..."}}')
    title = row.get("title") or ""
    if not isinstance(title, str):
        raise UserError(f'{where}: its "title" is not a string; fix the line')
    return row["_id"], title, row["text"]


def distinct_passages(path: Path, rows: Rows, layout: str, was_read: Callable[[str], None]) -> Iterator[Passage]:
    """Yields the passages in the file's order; empty texts are kept.

    Repeated ids are found at the end of the file from 8 bytes per passage; a set of ids would take a gigabyte.

    Args:
        layout: describes a row, for the error message.
        was_read: called with the SHA-256 of the file's bytes after all of them are read.

    Raises:
        UserError: no passages, or an id that occurs twice.
    """
    hashes = array("q")
    with Source(path) as source:
        for _, passage_id, text in rows(source, "passage"):
            hashes.append(hash(passage_id))
            yield Passage(passage_id, text)
        was_read(source.sha256)
        if not hashes:
            raise UserError(f"{path}: has no passages; its rows are: {layout}")
        ordered = np.sort(np.frombuffer(hashes, np.int64))
        if suspects := set(ordered[1:][ordered[1:] == ordered[:-1]].tolist()):
            _refuse_repeated(source, rows, suspects)


def distinct_queries(path: Path, rows: Rows, layout: str) -> dict[str, str]:
    """Query id -> text, in the file's order.

    Raises:
        UserError: no queries, one without text, or an id that occurs twice.
    """
    queries: dict[str, str] = {}
    with Source(path) as source:
        for number, query_id, text in rows(source, "query"):
            if query_id in queries:
                raise UserError(f"{path}:{number}: query id {query_id} occurs twice; keep one of the lines")
            if not text:
                raise UserError(f"{path}:{number}: query {query_id} has no text; fill in or drop the line")
            queries[query_id] = text
    if not queries:
        raise UserError(f"{path}: has no queries; its rows are: {layout}")
    return queries


def _refuse_repeated(source: Source, rows: Rows, suspects: set[int]) -> None:
    seen = set()
    for number, passage_id, _ in rows(source, "passage"):
        if hash(passage_id) in suspects:
            if passage_id in seen:
                raise UserError(f"{source.path}:{number}: passage id {passage_id} occurs twice; keep one of the lines")
            seen.add(passage_id)
