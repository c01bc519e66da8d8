"""What a collection and its queries look like to the rest of the package, wherever they come from."""

import abc
import re
from collections.abc import Iterator
from typing import NamedTuple

from lce_tf.data.ids import unfit
from lce_tf.data.qrels import Qrels
from lce_tf.errors import UserError

_UNREADABLE = re.compile("[\0\ud800-\udfff]")


class Passage(NamedTuple):
    """One passage of a collection; white space in `text` is single spaces, and `text` may be empty."""

    passage_id: str
    text: str


class Dataset(abc.ABC):
    """A collection of passages with queries and judgments, in splits.

    Attributes:
        name: what the user called it.
        splits: the splits that can be asked for; None stands for the one that needs no name, where there is one.
        collection_key: names the collection's contents, fit for a file name; what is derived from them is kept
            under it.
    """

    name: str
    splits: tuple[str, ...]
    collection_key: str

    @abc.abstractmethod
    def passages(self) -> Iterator[Passage]:
        """Yields every passage once, in an order that never changes."""

    @abc.abstractmethod
    def queries(self, split: str | None = None) -> dict[str, str]:
        """Query id -> text, with white space as single spaces."""

    @abc.abstractmethod
    def qrels(self, split: str | None = None) -> Qrels:
        """Query id -> passage id -> grade, for every judged pair."""

    def has_judged(self, split: str | None = None) -> bool:
        """Whether there are queries and judgments of `split`, as far as names tell; nothing is read or downloaded."""
        return split in self.splits


def one_line(text: str) -> str:
    """`text` with every run of white space, line ends and tabs included, as one space, and none at its ends."""
    return " ".join(text.split())


def checked_id(name: str, kind: str, where: str) -> str:
    """`name`, which every reader gives here before anything is made of it.

    Args:
        kind: "query" or "passage".
        where: file and line, or data set.

    Raises:
        UserError: it could not stand in a run: empty, white space, control characters, more than 512 bytes.
    """
    if not (name.isascii() and name.isalnum() and len(name) < 100) and (fault := unfit(name)):
        raise UserError(f"{where}: {kind} id {name[:40]!r} {fault}; give it one word")
    return name


def checked_text(text: str, where: str) -> str:
    """`text` as one line, which every reader gives here before anything is made of it.

    Control characters other than white space stay as they are; BERT's tokenizers drop them.

    Raises:
        UserError: it holds NUL, or half of a surrogate pair, which no file in UTF-8 can.
    """
    if ("\0" in text or not text.isascii()) and (found := _UNREADABLE.search(text)):
        what = "a NUL character" if found[0] == "\0" else f"half of a surrogate pair (U+{ord(found[0]):04X})"
        raise UserError(f"{where}: its text holds {what}; mend or drop it")
    return one_line(text)


def slug(name: str) -> str:
    """`name` as part of a file name: letters, digits, dots, underscores, and hyphens for all the rest."""
    return re.sub(r"[^A-Za-z0-9._]+", "-", name).strip("-.") or "collection"
