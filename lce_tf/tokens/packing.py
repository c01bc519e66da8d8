"""Truncates (query, passage) pairs from token stores and packs them in batches by a template such as BERT's."""

from typing import NamedTuple

import numpy as np

from lce_tf.data.rows import stretches
from lce_tf.errors import UserError
from lce_tf.tokens.lengths import Lengths, longest_first, window_counts
from lce_tf.tokens.store import TokenStore
from lce_tf.tokens.template import PairTemplate


class PaddedPairs(NamedTuple):
    """A batch of pairs, each padded to the same length, in the compact form that is copied to the device.

    Attributes:
        input_ids: [pairs, length] int32, padded at the end.
        type_0_lengths: [pairs] int32, tokens of type 0 of each pair, which come first (in BERT's template, [CLS], the
            query and its [SEP]); the other tokens are of type 1.
        lengths: [pairs] int32, tokens of each pair, special tokens included and padding excluded.
    """

    input_ids: np.ndarray
    type_0_lengths: np.ndarray
    lengths: np.ndarray


class Packer:
    """Packs (query, passage) pairs given as rows of two token stores.

    With several windows per passage, every method except `counts` takes window numbers as `passage_rows`: window k of
    the passage in row r of the store has the number `r * windows + k`. With one window, this is the passage's row.

    Args:
        queries: store of the queries.
        passages: store of the collection.
        template: the special tokens around the texts. A tuple with the ids of [CLS], [SEP] and [PAD] means BERT's
            template.
        lengths: how pairs are cut. With several windows per passage, a passage's `side` has no effect: windows are
            counted from its beginning.

    Raises:
        UserError: a window does not fit beside the longest query, so that wordpieces between windows would be lost.
    """

    def __init__(
        self,
        queries: TokenStore,
        passages: TokenStore,
        template: PairTemplate | tuple[int, int, int],
        lengths: Lengths,
    ):
        self.queries, self.passages, self.lengths = queries, passages, lengths
        self.template = template if isinstance(template, PairTemplate) else PairTemplate.bert(*template)
        room = lengths.sequence - self.template.size - lengths.query
        if lengths.windows > 1 and lengths.passage > room:
            raise UserError(
                f"--window {lengths.passage}: does not fit into {lengths.sequence} wordpieces beside a query of "
                f"{lengths.query} and the {self.template.size} special tokens of this backbone; give {room} or less, "
                "or lower --query-length"
            )

    def counts(self, passage_rows: np.ndarray) -> np.ndarray:
        """[passages] int64, number of windows (at least 1) of the passages in these rows of the store."""
        cut = self.lengths
        if cut.windows == 1:
            return np.ones(len(passage_rows), np.int64)
        return window_counts(self.passages.lengths(passage_rows), cut.passage, cut.stride, cut.windows)

    def measure(self, query_rows: np.ndarray, passage_rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Query and passage wordpieces that each pair keeps after truncation, [pairs] int64 each.

        For a window that the passage is too short to have, the passage's number is 0.
        """
        query, room = self.queries.lengths(query_rows), self.lengths.sequence - self.template.size
        if self.lengths.cut == "longest":
            return longest_first(query, self._left(passage_rows), room)
        # With a template larger than BERT's, a query may exceed the room; one wordpiece is reserved for the passage.
        query = np.minimum(query, min(self.lengths.query, room - 1))
        room = room - query
        if self.lengths.passage is not None:
            room = np.minimum(room, self.lengths.passage)
        return query, np.minimum(self._left(passage_rows), room)

    def pair_lengths(self, query_rows: np.ndarray, passage_rows: np.ndarray) -> np.ndarray:
        """[pairs] int64, tokens of each packed pair, special tokens included."""
        return sum(self.measure(query_rows, passage_rows)) + self.template.size

    def _left(self, passage_rows: np.ndarray) -> np.ndarray:
        """[pairs] int64, wordpieces from each window's start to the end of the text; 0 if there is no such window."""
        texts, starts = self._window_starts(passage_rows)
        left = self.passages.lengths(texts) - starts
        if self.lengths.windows == 1:
            return left
        # A window after the first exists only if the previous window does not reach the end of the text.
        return np.where((starts > 0) & (left <= self.lengths.passage - self.lengths.stride), 0, left)

    def _window_starts(self, passage_rows: np.ndarray) -> tuple[np.ndarray, np.ndarray | int]:
        """The store's row of each window's passage, and the position of the window's first wordpiece in it."""
        if self.lengths.windows == 1:
            return passage_rows, 0
        texts, numbers = np.divmod(passage_rows, self.lengths.windows)
        return texts, numbers * self.lengths.stride

    def pack(self, query_rows: np.ndarray, passage_rows: np.ndarray, multiple: int = 1) -> PaddedPairs:
        """The pairs, padded to the longest pair's length rounded up to a multiple of `multiple`, at most `sequence`."""
        width = self.width(self.pair_lengths(query_rows, passage_rows), multiple)
        return self.pack_to(query_rows, passage_rows, width)

    def width(self, lengths: np.ndarray, multiple: int = 1) -> int:
        """The length in tokens that `pack` pads pairs of these lengths to."""
        longest = int(lengths.max(initial=self.template.size))
        return min(-(-longest // multiple) * multiple, max(self.lengths.sequence, longest))

    def pack_to(self, query_rows: np.ndarray, passage_rows: np.ndarray, width: int) -> PaddedPairs:
        """The pairs, each padded to `width` tokens.

        Raises:
            ValueError: a pair is longer than `width`.
        """
        kept, pairs = self.measure(query_rows, passage_rows), len(query_rows)
        type_0_lengths, lengths = self.sizes(*kept)
        if (longest := int(lengths.max(initial=0))) > width:
            raise ValueError(f"a pair of {longest} wordpieces does not fit into {width}")
        ids = self.written(query_rows, passage_rows, *kept, np.arange(pairs) * width, pairs * width)
        return PaddedPairs(ids.reshape(pairs, width), type_0_lengths, lengths)

    def sizes(self, query: np.ndarray, passage: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """`type_0_lengths` and `lengths` of `PaddedPairs`, from the wordpieces that each text keeps."""
        lengths = query + passage + self.template.size
        return self.template.type_0_length(query, passage).astype(np.int32), lengths.astype(np.int32)

    def written(self, query_rows, passage_rows, query, passage, starts, tokens: int) -> np.ndarray:
        """[tokens] int32 ids: each pair written from its position in `starts` on, padding elsewhere.

        Args:
            query, passage: [pairs] int64, see `measure`.
        """
        template, (texts, window_starts) = self.template, self._window_starts(passage_rows)
        query_starts, passage_starts = self.queries.offsets[query_rows], self.passages.offsets[texts] + window_starts
        if self.lengths.side == "left":
            query_starts = query_starts + self.queries.lengths(query_rows) - query
            if self.lengths.windows == 1:
                passage_starts = passage_starts + self.passages.lengths(texts) - passage
        both = [(self.queries, query_starts, query), (self.passages, passage_starts, passage)]
        if template.passage_first:
            both.reverse()
        ids, at = np.full(tokens, template.pad, np.int32), starts
        for special, (store, first, kept) in zip((template.before, template.between), both, strict=True):
            at = _write(ids, at, special)
            # Copies the texts of the whole batch at once.
            ids[stretches(at, kept)[0]] = store.tokens[stretches(first, kept)[0]]
            at = at + kept
        _write(ids, at, template.after)
        return ids


def _write(ids: np.ndarray, positions: np.ndarray, special: tuple[int, ...]) -> np.ndarray:
    """Writes the special tokens into `ids` at each of `positions`; returns the positions after them."""
    for offset, token in enumerate(special):
        ids[positions + offset] = token
    return positions + len(special)
