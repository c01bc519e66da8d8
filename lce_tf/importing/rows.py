"""Rows of training data from files, and what a row says: a query, its passages, and their labels and scores."""

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from lce_tf.data.source import Source
from lce_tf.data.text import lines
from lce_tf.errors import UserError
from lce_tf.importing.formats import Keys, accepted, keys_of

_TRIPLE = ("query", "positive", "negative")
_IDS = ("docid", "pid", "qid", "_id", "id", "doc_id", "passage_id", "query_id")
_TEXTS = ("text", "passage", "query", "contents")
_LARGEST = float(np.finfo(np.float32).max)


class Given(NamedTuple):
    """A text as a row has it; `id` is the row's own, or None."""

    text: str
    title: str = ""
    id: str | None = None


class Listed(NamedTuple):
    """A passage of a row's query.

    Attributes:
        grade: its judgment; None for a negative that nobody judged.
        score: a teacher's; None if the row has none.
    """

    passage: Given
    grade: int | None
    score: float | None


class Example(NamedTuple):
    """What a row says.

    Attributes:
        listed: the passages in the row's order, the positives first; empty ones are left out.
        empty: how many were left out.
        unread: further keys of the row.
    """

    keys: Keys
    query: Given
    listed: list[Listed]
    empty: int
    unread: set[str]


def file_rows(path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields ("file:line", row) for every row of a file of JSON objects or tab-separated columns, compressed or not.

    A first line that begins with { makes it a file of JSON objects. Columns are named by the first line if its names
    fit a format, and are query, positive and negative otherwise. Empty columns are left out.

    Raises:
        UserError: with file and line: not a JSON object, a wrong number of columns, ids in place of texts; or no rows.
    """
    header: tuple[str, ...] | None = None
    kind, empty = None, True
    with Source(path) as source:
        for number, line in lines(source):
            if not line.strip():
                continue
            where = f"{path}:{number}"
            if kind is None:
                kind = _kind(line, where)
                names = tuple(name.strip().lower() for name in line.split("\t"))
                if kind == "columns" and keys_of(names) is not None:
                    header = names
                    continue
            empty = False
            yield where, _object(line, where) if kind == "objects" else _columns(line, header, where)
    if empty:
        raise UserError(f"{path}: has no rows; they are JSON objects, or columns with tabs between")


def example(row: Mapping[str, Any], where: str, relevant: float | None) -> Example:
    """What a row says, in whatever format it is; keys without a value count as missing.

    Args:
        where: file and line, for errors.
        relevant: passages with a label from this value on have grade 1, others 0, and the label is the teacher's score;
            None: labels are grades.

    Raises:
        UserError: names `where`: the row fits no format, or a value is not what its key holds.
    """
    values = {str(key): plain for key, value in row.items() if (plain := _plain(value)) is not None}
    keys = keys_of(tuple(values))
    if keys is None:
        raise UserError(f"{where}: has the keys {', '.join(values)[:200] or '(none)'}; accepted are {accepted()}")
    row_of = _Row(values, keys, where)
    texts = row_of.texts(keys.passages)
    first = len(texts)
    texts += [text for key in keys.negatives for text in row_of.texts(key)]
    if keys.labels:
        grades, scores = row_of.grades(len(texts), relevant)
    else:
        grades, scores = [1] * first + [None] * (len(texts) - first), row_of.scores(first, len(texts))
    listed = [
        Listed(text, grade, score)
        for text, grade, score in zip(texts, grades, scores, strict=True)
        if text is not None and f"{text.title}{text.text}".strip()
    ]
    query = row_of.texts(keys.query)
    if len(query) != 1 or query[0] is None or not query[0].text.strip():
        raise UserError(f'{where}: its "{keys.query}" is no text; fill it in or drop the row')
    empty = sum(text is not None for text in texts) - len(listed)
    return Example(keys, query[0], listed, empty, values.keys() - keys.all())


class _Row(NamedTuple):
    """A row with the keys that are read; errors name `where`."""

    values: Mapping[str, Any]
    keys: Keys
    where: str

    def texts(self, key: str) -> list[Given | None]:
        """The texts under a key, which holds one or a list; None for an element of the list that is missing."""
        value = self.values[key]
        many = value if isinstance(value, list) and not _are_tokens(value) else [value]
        ids: list[Any] = [None] * len(many)
        if key in self.keys.ids:
            ids = _aligned(self.values[self.keys.ids[key]], len(many), self.keys.ids[key], self.where)
        return [None if one is None else self._text(one, id, key) for one, id in zip(many, ids, strict=True)]

    def scores(self, positives: int, passages: int) -> list[float | None]:
        """A teacher's score of each passage, the positives' first; None where there is none."""
        names, found = self.keys.format.scores, []
        counts = (passages,) if len(names) == 1 else (positives, passages - positives)
        for key, count in zip(names, counts, strict=False):
            values = _aligned(self.values[key], count, key, self.where) if key in self.keys.scores else [None] * count
            found += [None if value is None else self._number(value, key) for value in values]
        return found or [None] * passages

    def grades(self, passages: int, relevant: float | None) -> tuple[list[int | None], list[float | None]]:
        """The grade of each passage, and its label as a teacher's score if `relevant` says what counts as relevant."""
        key = str(self.keys.labels)
        labels = [self._number(value, key) for value in _aligned(self.values[key], passages, key, self.where)]
        if relevant is not None:
            return [int(label >= relevant) for label in labels], list(labels)
        for label in labels:
            if label != int(label) or abs(label) >= 1e9:
                raise UserError(
                    f'{self.where}: its "{key}" has {label:g}, which is no grade; say from which value on a passage is '
                    "relevant, such as --relevant 0.5"
                )
        return [int(label) for label in labels], [None] * passages

    def _text(self, value: Any, id: Any, key: str) -> Given:
        found = value if isinstance(value, Mapping) else {"text": value}
        text = next((found[name] for name in _TEXTS if found.get(name) is not None), None)
        title = found.get("title") or ""
        if isinstance(text, list) and _are_tokens(text):
            raise UserError(f'{self.where}: its "{key}" holds token ids; import the texts that they were made from')
        if not isinstance(text, str) or not isinstance(title, str):
            what = f"{value!r:.40}"
            raise UserError(f'{self.where}: its "{key}" has {what} where a text is expected; fix or drop the row')
        own = next((found[name] for name in _IDS if found.get(name) is not None), id)
        if isinstance(own, bool) or not isinstance(own, (str, int, type(None))):
            raise UserError(f'{self.where}: its "{key}" has the id {own!r:.40}; give a word or a whole number')
        return Given(text, title, None if own is None else str(own))

    def _number(self, value: Any, key: str) -> float:
        try:
            number = float(value)
        except (OverflowError, TypeError, ValueError):
            number = math.nan
        if not abs(number) <= _LARGEST:
            raise UserError(f'{self.where}: its "{key}" has {value!r:.40}, which is no finite number of 32 bits')
        return number


def _kind(line: str, where: str) -> str:
    if re.match(r"\s*\[\s*(\{|$)", line):
        raise UserError(f"{where}: begins a JSON array; write one object a line, as jq -c '.[]' does")
    if line.lstrip().startswith("{"):
        return "objects"
    if len(cells := line.split("\t")) == len(_TRIPLE) and all(cell.strip().isdecimal() for cell in cells):
        raise UserError(f"{where}: has three numbers, which look like ids; give the texts of query, positive, negative")
    return "columns"


def _object(line: str, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where}: is not JSON ({str(error).splitlines()[0]}); fix or delete the line") from error
    if not isinstance(row, dict):
        raise UserError(f"{where}: is not a JSON object; a row is an object with keys; accepted are {accepted()}")
    return row


def _columns(line: str, header: tuple[str, ...] | None, where: str) -> dict[str, Any]:
    cells, names = line.split("\t"), header or _TRIPLE
    if len(cells) == len(names):
        return {name: cell for name, cell in zip(names, cells, strict=True) if cell}
    if header:
        raise UserError(f"{where}: {len(cells)} column(s), but the header row names {len(header)}; fix the line")
    raise UserError(
        f"{where}: {len(cells)} column(s), but a triple is query, positive and negative with tabs between; others need "
        f"a header row: {accepted()}"
    )


def _plain(value: Any) -> Any:
    """The value with arrays as lists, None for NaN, which stands for a missing value in data frames."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, tuple):
        return list(value)
    return None if isinstance(value, float) and math.isnan(value) else value


def _are_tokens(value: Iterable[Any]) -> bool:
    """Whether a list holds whole numbers alone, at least one."""
    return bool(value) and all(type(one) is int for one in value)


def _aligned(value: Any, count: int, key: str, where: str) -> list[Any]:
    """The elements of a list, or a single value, one for each of `count` passages."""
    found = value if isinstance(value, list) else [value]
    if len(found) != count:
        raise UserError(f'{where}: its "{key}" has {len(found)} values for {count} texts; fix or drop the row')
    return found
