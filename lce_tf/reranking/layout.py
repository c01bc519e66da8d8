"""Pairs as batches of one width each: every pair is padded to the width that its own length gives."""

from collections.abc import Iterator

import numpy as np

from lce_tf.tokens.packing import Packed, Packer

# Pairs are padded to a multiple of this many wordpieces: 16 shapes at most up to 256.
MULTIPLE = 16
# The number of pairs in a full batch is a multiple of this.
BLOCK = 16


def batch_rows(width: int, tokens: int) -> int:
    """Number of pairs in a batch of this width: about `tokens` wordpieces, in whole blocks."""
    return max(BLOCK, tokens // width // BLOCK * BLOCK)


def by_width(
    packer: Packer, query_rows: np.ndarray, passage_rows: np.ndarray, tokens: int, fill: bool
) -> Iterator[tuple[np.ndarray, Packed]]:
    """Yields (which of the pairs, these pairs packed), the widest first.

    Args:
        query_rows, passage_rows: [pairs] rows of the packer's stores.
        tokens: padded wordpieces of a full batch.
        fill: whether the last batch of a width is filled up with copies of its first pair, so that each width has
            batches of one size only.
    """
    widths = -(-(sum(packer.measure(query_rows, passage_rows)) + 3) // MULTIPLE) * MULTIPLE
    # Rounding up must not go past the positions that the model has.
    widths = np.minimum(widths, packer.sequence)
    # Longest first: what memory is needed is needed at once, and the estimate of the time left errs on the safe side.
    for width in np.unique(widths)[::-1].tolist():
        rows = np.flatnonzero(widths == width)
        size = batch_rows(width, tokens)
        for start in range(0, len(rows), size):
            chosen = rows[start : start + size]
            full = np.concatenate([chosen, np.full(size - len(chosen), chosen[0])]) if fill else chosen
            yield chosen, packer.pack_to(query_rows[full], passage_rows[full], width)
