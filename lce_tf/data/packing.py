"""`[CLS] query [SEP] passage [SEP]`: pairs cut and packed from token stores, many at a time."""

from typing import NamedTuple

import numpy as np

from lce_tf.data.tokens import TokenStore


class Packed(NamedTuple):
    """A batch of packed pairs in the compact form that travels to the device.

    Attributes:
        input_ids: [pairs, length] int32, padded at the end.
        query_lengths: [pairs] int32, wordpieces of the query as kept.
        lengths: [pairs] int32, of the whole pair with its three special tokens.
    """

    input_ids: np.ndarray
    query_lengths: np.ndarray
    lengths: np.ndarray


class Packer:
    """Packs (query, passage) pairs given as rows of two token stores.

    Args:
        queries: store of the queries.
        passages: store of the collection.
        special: ids of [CLS], [SEP] and [PAD].
        query: a query keeps at most this many wordpieces.
        sequence: a pair has at most this many, special tokens included; only the passage gives way.
        passage: a passage keeps at most this many; None: whatever the sequence has left.
    """

    def __init__(
        self,
        queries: TokenStore,
        passages: TokenStore,
        special: tuple[int, int, int],
        query: int = 50,
        sequence: int = 256,
        passage: int | None = None,
    ):
        self.queries, self.passages, self.special = queries, passages, special
        self.query, self.sequence, self.passage = query, sequence, passage

    def measure(self, query_rows: np.ndarray, passage_rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Query and passage wordpieces kept of each pair, [pairs] int64 each."""
        query = np.minimum(self.queries.lengths(query_rows), self.query)
        room = self.sequence - 3 - query
        if self.passage is not None:
            room = np.minimum(room, self.passage)
        passage = np.minimum(self.passages.lengths(passage_rows), room)
        return query, passage

    def pack(self, query_rows: np.ndarray, passage_rows: np.ndarray, multiple: int = 1) -> Packed:
        """The pairs, padded to their longest rounded up to a multiple of `multiple` (and at most `sequence`)."""
        query, passage = self.measure(query_rows, passage_rows)
        lengths = query + passage + 3
        width = int(lengths.max(initial=3))
        width = min(-(-width // multiple) * multiple, max(self.sequence, width))
        return self._filled(query_rows, passage_rows, query, passage, width)

    def pack_to(self, query_rows: np.ndarray, passage_rows: np.ndarray, width: int) -> Packed:
        """The pairs padded to exactly `width`, which none of them may exceed (ValueError)."""
        query, passage = self.measure(query_rows, passage_rows)
        if (longest := int((query + passage).max(initial=0)) + 3) > width:
            raise ValueError(f"a pair of {longest} wordpieces does not fit into {width}")
        return self._filled(query_rows, passage_rows, query, passage, width)

    def _filled(self, query_rows, passage_rows, query, passage, width) -> Packed:
        cls, sep, pad = self.special
        pairs = np.arange(len(query_rows)) * width
        flat = np.full(len(query_rows) * width, pad, dtype=np.int32)
        flat[pairs] = cls
        flat[pairs + 1 + query] = sep
        flat[pairs + 2 + query + passage] = sep
        for store, rows, kept, start in (
            (self.queries, query_rows, query, pairs + 1),
            (self.passages, passage_rows, passage, pairs + 2 + query),
        ):
            # One gather for the whole batch: `run` counts 0, 1, 2, ... within each text.
            ends = np.cumsum(kept)
            run = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - kept, kept)
            flat[np.repeat(start, kept) + run] = store.tokens[np.repeat(store.offsets[rows], kept) + run]
        lengths = (query + passage + 3).astype(np.int32)
        return Packed(flat.reshape(len(query_rows), width), query.astype(np.int32), lengths)
