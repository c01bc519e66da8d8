"""`[CLS] query [SEP] passage [SEP]`, or another template: pairs cut and packed from token stores, many at a time."""

from typing import NamedTuple

import numpy as np

from lce_tf.tokens.store import TokenStore
from lce_tf.tokens.template import PairTemplate
from lce_tf.tokens.truncation import longest_first
from lce_tf.tokens.windows import window_counts


class Packed(NamedTuple):
    """A batch of packed pairs in the compact form that travels to the device.

    Attributes:
        input_ids: [pairs, length] int32, padded at the end.
        query_lengths: [pairs] int32, tokens of type 0 less two: in BERT's template the wordpieces of the query as kept.
        lengths: [pairs] int32, of the whole pair with its special tokens.
    """

    input_ids: np.ndarray
    query_lengths: np.ndarray
    lengths: np.ndarray


class PackedTokens(NamedTuple):
    """Pairs that share one sequence of wordpieces, or rows of it, in the form that travels to the device.

    Attributes:
        input_ids: [tokens] int32.
        pairs: [tokens] int32, the pair that each wordpiece belongs to, -1 for padding.
        starts: [pairs] int32, the first wordpiece of each pair, its [CLS].
        query_lengths, lengths: [pairs] int32, see `Packed`.
    """

    input_ids: np.ndarray
    pairs: np.ndarray
    starts: np.ndarray
    query_lengths: np.ndarray
    lengths: np.ndarray


class Expanded(NamedTuple):
    """(query, passage) pairs as the windows of their passages, those of a pair beside each other.

    Attributes:
        query_rows, passage_rows: [windows] int64, as `Packer.measure` and `Packer.pack` take them.
        offsets: [pairs + 1] int64; pair i has the windows from `offsets[i]` to before `offsets[i + 1]`.
    """

    query_rows: np.ndarray
    passage_rows: np.ndarray
    offsets: np.ndarray


class Packer:
    """Packs (query, passage) pairs given as rows of two token stores.

    Where passages are documents of several windows, what is measured and packed is a window: number k of the passage
    in row r of the store is `r * windows + k`. With one window that is the passage's row itself.

    Args:
        queries: store of the queries.
        passages: store of the collection.
        template: what stands around the texts; the ids of [CLS], [SEP] and [PAD] stand for BERT's.
        query: a query keeps at most this many wordpieces, unless `cut` is "longest".
        sequence: a pair has at most this many, special tokens included.
        passage: a passage, or each of its windows, keeps at most this many; None: whatever the sequence has left.
        stride: wordpieces from where a window begins to where the next does.
        windows: windows a passage, where it is long enough to have as many.
        cut: what of a pair that is too long gives way: the "passage" alone, or of both texts whichever is "longest".
        side: the end at which a text is cut, "right" or "left"; a document's windows begin at its beginning anyway.
    """

    def __init__(
        self,
        queries: TokenStore,
        passages: TokenStore,
        template: PairTemplate | tuple[int, int, int],
        query: int = 50,
        sequence: int = 256,
        passage: int | None = None,
        stride: int | None = None,
        windows: int = 1,
        cut: str = "passage",
        side: str = "right",
    ):
        self.queries, self.passages = queries, passages
        self.template = template if isinstance(template, PairTemplate) else PairTemplate.bert(*template)
        self.query, self.sequence, self.passage = query, sequence, passage
        self.stride, self.windows = stride, windows
        self.cut, self.side = cut, side

    def counts(self, passage_rows: np.ndarray) -> np.ndarray:
        """[passages] int64, the windows that passages in these rows of the store have, at least 1."""
        if self.windows == 1:
            return np.ones(len(passage_rows), np.int64)
        return window_counts(self.passages.lengths(passage_rows), self.passage, self.stride, self.windows)

    def expanded(self, query_rows: np.ndarray, passage_rows: np.ndarray) -> Expanded:
        """Every window that the passages of these pairs, rows of the stores, have."""
        counts = self.counts(passage_rows)
        offsets = np.concatenate([[0], np.cumsum(counts)])
        places = np.arange(offsets[-1]) - np.repeat(offsets[:-1], counts)
        windows = np.repeat(passage_rows * self.windows, counts) + places
        return Expanded(np.repeat(query_rows, counts), windows, offsets)

    def covered(self, query_rows: np.ndarray, passage_rows: np.ndarray) -> np.ndarray:
        """[pairs] int64, wordpieces from the passage's beginning that are in one of its windows at least."""
        last = self.counts(passage_rows) - 1
        kept = self.measure(query_rows, passage_rows * self.windows + last)[1]
        return kept + last * (self.stride or 0)

    def measure(self, query_rows: np.ndarray, passage_rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Query and passage wordpieces kept of each pair, [pairs] int64 each; none of a window that is not there."""
        query, room = self.queries.lengths(query_rows), self.sequence - self.template.size
        if self.cut == "longest":
            return longest_first(query, self._left(passage_rows), room)
        # A template larger than BERT's leaves a query less room than its limit.
        query = np.minimum(query, min(self.query, room - 1))
        room = room - query
        if self.passage is not None:
            room = np.minimum(room, self.passage)
        return query, np.minimum(self._left(passage_rows), room)

    def lengths(self, query_rows: np.ndarray, passage_rows: np.ndarray) -> np.ndarray:
        """[pairs] int64, tokens of each pair as packed, its special tokens included."""
        return sum(self.measure(query_rows, passage_rows)) + self.template.size

    def _left(self, passage_rows: np.ndarray) -> np.ndarray:
        """[pairs] int64, wordpieces from where each window begins to the text's end."""
        texts, starts = self._places(passage_rows)
        left = self.passages.lengths(texts) - starts
        if self.windows == 1:
            return left
        # A later window is there only if the one before it does not reach the end.
        return np.where((starts > 0) & (left <= self.passage - self.stride), 0, left)

    def _places(self, passage_rows: np.ndarray) -> tuple[np.ndarray, np.ndarray | int]:
        """Rows of the store, and the wordpiece that each window begins at."""
        if self.windows == 1:
            return passage_rows, 0
        texts, places = np.divmod(passage_rows, self.windows)
        return texts, places * self.stride

    def pack(self, query_rows: np.ndarray, passage_rows: np.ndarray, multiple: int = 1) -> Packed:
        """The pairs, padded to their longest rounded up to a multiple of `multiple` (and at most `sequence`)."""
        return self.pack_to(query_rows, passage_rows, self.width(query_rows, passage_rows, multiple))

    def width(self, query_rows: np.ndarray, passage_rows: np.ndarray, multiple: int = 1) -> int:
        """The wordpieces that `pack` pads these pairs to."""
        longest = int(self.lengths(query_rows, passage_rows).max(initial=self.template.size))
        return min(-(-longest // multiple) * multiple, max(self.sequence, longest))

    def pack_to(self, query_rows: np.ndarray, passage_rows: np.ndarray, width: int) -> Packed:
        """The pairs padded to exactly `width`, which none of them may exceed (ValueError)."""
        query, passage = self.measure(query_rows, passage_rows)
        if (longest := int((query + passage).max(initial=0)) + self.template.size) > width:
            raise ValueError(f"a pair of {longest} wordpieces does not fit into {width}")
        flat = self._filled(
            query_rows, passage_rows, query, passage, np.arange(len(query_rows)) * width, len(query_rows) * width
        )
        return Packed(flat.reshape(len(query_rows), width), *self._sizes(query, passage))

    def pack_at(
        self, query_rows: np.ndarray, passage_rows: np.ndarray, starts: np.ndarray, tokens: int
    ) -> PackedTokens:
        """The pairs in one sequence of `tokens` wordpieces, each from its start on; they must not overlap."""
        query, passage = self.measure(query_rows, passage_rows)
        lengths = query + passage + self.template.size
        owners = np.full(tokens, -1, np.int32)
        ends = np.cumsum(lengths)
        run = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - lengths, lengths)
        owners[np.repeat(starts, lengths) + run] = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)
        flat = self._filled(query_rows, passage_rows, query, passage, starts, tokens)
        return PackedTokens(flat, owners, starts.astype(np.int32), *self._sizes(query, passage))

    def _sizes(self, query: np.ndarray, passage: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """`query_lengths` and `lengths` of `Packed`."""
        typed, lengths = self.template.typed(query, passage) - 2, query + passage + self.template.size
        return typed.astype(np.int32), lengths.astype(np.int32)

    def _filled(self, query_rows, passage_rows, query, passage, pairs, tokens: int) -> np.ndarray:
        """[tokens] int32 wordpieces with each pair from its place on, padding between."""
        template = self.template
        flat = np.full(tokens, template.pad, dtype=np.int32)
        texts, starts = self._places(passage_rows)
        query_starts, passage_starts = self.queries.offsets[query_rows], self.passages.offsets[texts] + starts
        if self.side == "left":
            query_starts = query_starts + self.queries.lengths(query_rows) - query
            if self.windows == 1:
                passage_starts = passage_starts + self.passages.lengths(texts) - passage
        both = (self.queries, query_starts, query), (self.passages, passage_starts, passage)
        place = pairs
        for special, text in zip(
            (template.before, template.between), both[::-1] if template.passage_first else both, strict=True
        ):
            place = _write(flat, place, special)
            store, first, kept = text
            # One gather for the whole batch: `run` counts 0, 1, 2, ... within each text.
            ends = np.cumsum(kept)
            run = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - kept, kept)
            flat[np.repeat(place, kept) + run] = store.tokens[np.repeat(first, kept) + run]
            place = place + kept
        _write(flat, place, template.after)
        return flat


def _write(flat: np.ndarray, places: np.ndarray, special: tuple[int, ...]) -> np.ndarray:
    """Writes special tokens from each place on, and returns the places after them."""
    for offset, token in enumerate(special):
        flat[places + offset] = token
    return places + len(special)
