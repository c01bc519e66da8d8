"""The interface of a dataset: a collection, its queries and its judgments, from any source."""

import abc
import re
from collections.abc import Iterator
from typing import NamedTuple

from lce_tf.data.ids import unfit
from lce_tf.data.qrels import Qrels
from lce_tf.errors import UserError

_UNREADABLE = re.compile("[\0\ud800-\udfff]")


class Passage(NamedTuple):
    """One passage of a collection; the only white space in `text` is single spaces, and it may be empty."""

    passage_id: str
    text: str


class Dataset(abc.ABC):
    """A collection of passages with queries and judgments, in splits.

    Attributes:
        name: the name by which the user loaded it.
        splits: the named splits; None as a split means the default one, if there is one.
        collection_key: identifies the collection's contents and is fit for a file name; derived files are kept under
            it.
    """

    name: str
    splits: tuple[str, ...]
    collection_key: str

    @abc.abstractmethod
    def passages(self) -> Iterator[Passage]:
        """Yields every passage once, always in the same order."""

    @abc.abstractmethod
    def queries(self, split: str | None = None) -> dict[str, str]:
        """Query id -> text, in which the only white space is single spaces."""

    @abc.abstractmethod
    def qrels(self, split: str | None = None) -> Qrels:
        """Query id -> passage id -> grade, for every judged pair."""

    def has_judged(self, split: str | None = None) -> bool:
        """Whether `split` has queries and judgments; decided by names alone, nothing is read or downloaded."""
        return split in self.splits


def one_line(text: str) -> str:
    """`text` stripped, with each run of white space (including line ends and tabs) replaced by one space."""
    return " ".join(text.split())


def checked_id(name: str, kind: str, where: str) -> str:
    """Returns `name` if it can stand in a run; every reader passes its ids through here.

    Args:
        kind: "query" or "passage".
        where: file and line, or data set, for the message.

    Raises:
        UserError: the id is empty, holds white space or control characters, or has more than 512 bytes.
    """
    if not (name.isascii() and name.isalnum() and len(name) < 100) and (fault := unfit(name)):
        raise UserError(f"{where}: {kind} id {name[:40]!r} {fault}; give it one word")
    return name


def checked_text(text: str, where: str) -> str:
    """Returns `text` as one line; every reader passes its texts through here.

    Control characters other than white space stay; BERT's tokenizers drop them.

    Raises:
        UserError: the text holds NUL, or half of a surrogate pair, which UTF-8 cannot encode.
    """
    if ("\0" in text or not text.isascii()) and (found := _UNREADABLE.search(text)):
        what = "a NUL character" if found[0] == "\0" else f"half of a surrogate pair (U+{ord(found[0]):04X})"
        raise UserError(f"{where}: its text holds {what}; fix or delete it")
    return one_line(text)


def slug(name: str) -> str:
    """`name` fit to be part of a file name: ASCII letters, digits, dots and underscores stay, all else becomes hyphens.

    Hyphens and dots at both ends are removed; "collection" if nothing is left.
    """
    return re.sub(r"[^A-Za-z0-9._]+", "-", name).strip("-.") or "collection"
