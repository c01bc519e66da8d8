"""Batches of pairs: each pair padded to a width that depends on its own length, or several pairs per row."""

import math
from collections.abc import Iterator

import numpy as np

from lce_tf.model.config import BLOCK
from lce_tf.reranking.steady import WHOLE
from lce_tf.tokens.packing import Packed, PackedTokens, Packer
from lce_tf.tokens.rows import RowShape

# Pairs are padded to a multiple of this many wordpieces: at most 16 shapes up to 256.
MULTIPLE = 16
# The largest batch size is used while the remaining pairs fill more than this share of it.
FULL = 0.9


def batch_rows(width: int, tokens: int) -> int:
    """Number of pairs in a full batch of this width: about `tokens` wordpieces, a multiple of the encoder's `BLOCK`.

    Then no product has a block of rows that is not full, in which a pair's place would change its bits.
    """
    pairs = BLOCK // math.gcd(BLOCK, width)
    return max(pairs, tokens // width // pairs * pairs)


def by_width(
    packer: Packer, query_rows: np.ndarray, passage_rows: np.ndarray, tokens: int, fill: int
) -> Iterator[tuple[np.ndarray, Packed]]:
    """Yields (indices of the pairs, these pairs packed), widest first.

    Args:
        query_rows, passage_rows: [pairs] rows of the packer's stores.
        tokens: padded wordpieces of a full batch.
        fill: the last batch of a width is filled up with copies of its first pair to a multiple of this many padded
            wordpieces, or if `WHOLE`, to the size of the others.
    """
    widths = -(-packer.lengths(query_rows, passage_rows) // MULTIPLE) * MULTIPLE
    # Rounding up must not go past the positions that the model has.
    widths = np.minimum(widths, packer.sequence)
    # Longest first: the peak memory is reached at once, and the estimate of the remaining time is rather too high.
    for width in np.unique(widths)[::-1].tolist():
        rows = np.flatnonzero(widths == width)
        size = batch_rows(width, tokens)
        for start in range(0, len(rows), size):
            chosen = rows[start : start + size]
            pairs = size if fill == WHOLE else fill // math.gcd(fill, width)
            full = np.concatenate([chosen, np.full(-len(chosen) % pairs, chosen[0])])
            yield chosen, packer.pack_to(query_rows[full], passage_rows[full], width)


def in_rows(
    packer: Packer, query_rows: np.ndarray, passage_rows: np.ndarray, rows: RowShape
) -> Iterator[tuple[np.ndarray, PackedTokens]]:
    """Yields (indices of the pairs, these pairs in rows): as many pairs as fit, in their order.

    If the remaining pairs would leave the largest size too empty, batches of the smallest size are used.
    """
    lengths = packer.lengths(query_rows, passage_rows)
    ends, start = np.cumsum(lengths), 0
    while start < len(lengths):
        before = ends[start - 1] if start else 0
        size = rows.sizes[-1] if ends[-1] - before > FULL * rows.sizes[-1] else rows.sizes[0]
        stop = int(np.searchsorted(ends, before + size, side="right"))
        stop = min(max(stop, start + 1), start + rows.pairs)
        starts, used = rows.place(lengths[start:stop])
        while used > size:
            stop -= max(1, (stop - start) // 64)
            starts, used = rows.place(lengths[start:stop])
        chosen = np.arange(start, stop)
        yield chosen, packer.pack_at(query_rows[chosen], passage_rows[chosen], starts, size)
        start = stop
