"""How pairs are cut: the maximum lengths, what each text keeps, and the number of windows of a document."""

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from lce_tf.errors import UserError


@dataclass(frozen=True)
class Lengths:
    """How a pair is cut and packed, in wordpieces: `[CLS] query [SEP] passage [SEP]`, or as its template says.

    Attributes:
        query: maximum length of a query, if only passages are cut.
        sequence: maximum length of the packed pair, special tokens included.
        passage: maximum length of a passage, and the length of a document's window; None: what the sequence has left.
        stride: wordpieces between the starts of two successive windows of a document; None: half a window.
        windows: maximum number of windows scored per document; the best score counts (MaxP). 1: the first window alone
            (FirstP).
        cut: what is cut if a pair is too long: the "passage" alone, or the "longest" of the two texts first, as in
            public cross-encoders.
        side: the end at which a text is cut, "right" or "left".
    """

    query: int = 50
    sequence: int = 256
    passage: int | None = None
    stride: int | None = None
    windows: int = 1
    cut: str = "passage"
    side: str = "right"

    def __post_init__(self):
        for name, known in (("cut", ("passage", "longest")), ("side", ("right", "left"))):
            if getattr(self, name) not in known:
                raise UserError(f"lengths {name} {getattr(self, name)!r}: known are {', '.join(known)}")
        if self.passage is not None and self.passage < 1:
            raise UserError(f"--window {self.passage}: give 1 or more, or leave it out")
        if self.query < 1 or self.sequence < self.query + 4:
            raise UserError(
                f"--query-length {self.query} and --sequence-length {self.sequence}: a sequence holds the query, three "
                "special tokens and at least one wordpiece of the passage; raise --sequence-length"
            )
        if not 1 <= self.windows < 1 << 31:
            raise UserError(
                f"--windows {self.windows}: give 1 or more and less than 2^31; 1 is a document's first window alone"
            )
        if self.windows > 1:
            self._check_windows()
        elif self.stride is not None:
            raise UserError(f"--stride {self.stride}: a single window has no stride; give --windows 2 or more")

    def _check_windows(self) -> None:
        if self.passage is None:
            raise UserError(f"--windows {self.windows}: how long is a window? Give --window, such as --window 150")
        room = self.sequence - 3 - self.query
        if self.passage > room:
            raise UserError(
                f"--window {self.passage}: does not fit into {self.sequence} wordpieces beside a query of {self.query} "
                f"and three special tokens; give {room} or less, or lower --query-length"
            )
        if self.stride is None:
            # As in Dai and Callan, whose windows are 150 words long and start every 75 words.
            object.__setattr__(self, "stride", max(1, self.passage // 2))
        if not 1 <= self.stride <= self.passage:
            raise UserError(
                f"--stride {self.stride}: is not from 1 to the --window of {self.passage}, so windows would leave gaps"
            )

    def override(self, **settings: int | None) -> "Lengths":
        """The lengths with other settings; None keeps a setting.

        With another `passage`, the length of a window, or a single window, the stride is the default unless given.
        """
        given = {name: value for name, value in settings.items() if value is not None}
        if given.get("passage", self.passage) != self.passage or given.get("windows", self.windows) == 1:
            given = {"stride": None, **given}
        return replace(self, **given)

    def as_json(self) -> dict[str, Any]:
        """Plain values for configurations and hashes.

        `stride` and `windows` are included only for several windows, `cut` and `side` only if not at their default.
        """
        values = asdict(self)
        further = {name: values.pop(name) for name in ("cut", "side")}
        further = {name: value for name, value in further.items() if value != getattr(Lengths, name)}
        return {
            **(values if self.windows > 1 else {name: values[name] for name in ("query", "sequence", "passage")}),
            **further,
        }


def longest_first(query: np.ndarray, passage: np.ndarray, room: int) -> tuple[np.ndarray, np.ndarray]:
    """The tokens that each text keeps if the longer text of a pair is truncated first.

    A pair that fits into `room` is kept whole. Otherwise a text of at most room / 2 tokens is kept whole and the longer
    one gets the rest. If both are longer, each keeps half of the room, and the longer one (the passage if they are
    equal) gets the odd token. Source: `truncation="longest_first"` of Hugging Face's tokenizers.

    Args:
        query, passage: [pairs] int64, tokens of each text.
        room: maximum number of tokens of both texts together.

    Returns:
        Tokens kept of query and passage, [pairs] int64 each.
    """
    shorter = np.minimum(query, passage)
    shorter_kept, longer_kept = np.minimum(shorter, room // 2), np.maximum(room - shorter, room - room // 2)
    fits = query + passage <= room
    swapped = query > passage
    kept_query = np.where(fits, query, np.where(swapped, longer_kept, shorter_kept))
    return kept_query, np.where(fits, passage, np.where(swapped, shorter_kept, longer_kept))


def window_counts(lengths: np.ndarray, window: int, stride: int, most: int) -> np.ndarray:
    """The number of windows of each document: max(1, ceil((length - window) / stride) + 1), but at most `most`.

    Windows begin at wordpieces 0, stride, 2 * stride, ... The first one that reaches the document's end is the last;
    it is shorter than `window` if fewer wordpieces are left. An empty document has one empty window.

    Args:
        lengths: [documents] int64, wordpieces of each document.
        window: wordpieces per window.
        stride: wordpieces between the starts of two successive windows, at most `window`.
        most: maximum number of windows per document.

    Returns:
        [documents] int64.
    """
    beyond = np.maximum(lengths - window, 0)
    return np.minimum(-(-beyond // stride) + 1, most)
