"""The formats of training data, in one table: which keys of a row hold the query, its passages, labels and scores."""

import functools
import re
from collections.abc import Iterable
from typing import NamedTuple

# A name that ends so stands for numbered keys: negative_1, negative_2 and so on.
_NUMBERED = "_n"
_QUERIES = ("query", "anchor", "question")


class Format(NamedTuple):
    """A format of rows. Of the keys listed for the query, the passages and the labels a row has one, the first counts.

    Attributes:
        name: whose format it is.
        query: keys of the query.
        passages: keys of the positives; in a format with labels, of all passages.
        negatives: keys of the negatives, none of which is needed; `negative_n` stands for numbered keys.
        labels: keys of the passages' labels, grades from 0 up; () in a format that tells positives from negatives.
        scores: keys of a teacher's scores, which are not needed: of positives and of negatives, or of both in one list.
    """

    name: str
    query: tuple[str, ...]
    passages: tuple[str, ...]
    negatives: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    scores: tuple[str, ...] = ()

    def needed(self) -> str:
        """The keys that a row must have, such as "query/anchor and positive"."""
        return " and ".join("/".join(keys) for keys in (self.query, self.passages, self.labels) if keys)


FORMATS: tuple[Format, ...] = (
    Format("FlagEmbedding", ("query",), ("pos",), ("neg",), scores=("pos_scores", "neg_scores")),
    Format("Tevatron", ("query",), ("positive_passages",), ("negative_passages",)),
    Format("Reranker", ("qry",), ("pos",), ("neg",)),
    Format("Cohere", ("query",), ("relevant_passages",), ("hard_negatives",)),
    Format(
        "sentence-transformers, pairs and n-tuples",
        _QUERIES,
        ("positive", "answer"),
        ("negative", "negatives", f"negative{_NUMBERED}"),
        scores=("scores",),
    ),
    Format(
        "sentence-transformers, labelled pairs and lists",
        ("sentence1", *_QUERIES),
        ("sentence2", "passage", "passages", "document", "documents", "docs", "positive", "answer"),
        labels=("label", "labels", "score", "scores"),
    ),
)


class Keys(NamedTuple):
    """The keys of a row that are read, by what they hold.

    Attributes:
        ids: key of a text -> the key of its id, or of the list of ids, for those that have one.
    """

    format: Format
    query: str
    passages: str
    negatives: tuple[str, ...]
    labels: str | None
    scores: tuple[str, ...]
    ids: dict[str, str]

    def all(self) -> set[str]:
        """Every key that is read."""
        one = {self.query, self.passages, *self.negatives, *self.scores, *self.ids.values()}
        return one | ({self.labels} if self.labels else set())


@functools.lru_cache(1024)
def keys_of(names: tuple[str, ...]) -> Keys | None:
    """How a row with these keys is read; None if it fits no format.

    Of several formats that it fits, the one that reads most of its keys counts, and of those the first in `FORMATS`.
    """
    fitting = (found for one in FORMATS if (found := _fit(one, names)))
    return max(fitting, key=lambda found: len(found.all()), default=None)


def accepted() -> str:
    """One line: the keys that rows of each format must have."""
    return "; ".join(f"{one.needed()} ({one.name.partition(',')[0]})" for one in FORMATS)


def table() -> str:
    """The formats as a Markdown table; keys in brackets may be missing."""
    rows = ["| rows of | query | passages | labels, scores |", "|---|---|---|---|"]
    for one in FORMATS:
        passages = _either(one.passages) + (f" [{_either(one.negatives)}]" if one.negatives else "")
        scores = _either(one.labels) or (f"[{', '.join(f'`{key}`' for key in one.scores)}]" if one.scores else "")
        rows.append(f"| {one.name} | {_either(one.query)} | {passages} | {scores} |")
    return "\n".join(rows) + "\n"


def _either(keys: Iterable[str]) -> str:
    *others, last = [f"`{key}`" for key in keys] or [""]
    return f"{', '.join(others)} or {last}" if others else last


def _fit(one: Format, names: tuple[str, ...]) -> Keys | None:
    query, passages, labels = (_first(keys, names) for keys in (one.query, one.passages, one.labels))
    if query is None or passages is None or (one.labels and labels is None):
        return None
    negatives = tuple(key for name in one.negatives for key in _numbered(name, names))
    scores = tuple(key for key in one.scores if key in names)
    ids = {key: _first((f"{key}_id", f"{key}_ids"), names) for key in (passages, *negatives)}
    ids[query] = _first(("query_id", "qid", f"{query}_id"), names)
    known = {key: name for key, name in ids.items() if name is not None}
    return Keys(one, query, passages, negatives, labels, scores, known)


def _first(keys: Iterable[str], names: tuple[str, ...]) -> str | None:
    return next((key for key in keys if key in names), None)


def _numbered(name: str, names: tuple[str, ...]) -> list[str]:
    """The keys that `name` stands for, in the order of their numbers."""
    if not name.endswith(_NUMBERED):
        return [name] if name in names else []
    numbers = (re.fullmatch(re.escape(name.removesuffix("n")) + r"([0-9]+)", key) for key in names)
    return [found[0] for found in sorted(filter(None, numbers), key=lambda found: int(found[1]))]
