"""Batches of pairs: each pair padded to a width that depends on its own length, or several pairs per row."""

import math
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from lce_tf.model.config import ROW_MULTIPLE
from lce_tf.reranking.steady import WHOLE
from lce_tf.tokens.packing import Packer, PaddedPairs
from lce_tf.tokens.rows import PackedPairs, RowShape, pack_at

Item = TypeVar("Item")

# Pairs are padded to a multiple of this many wordpieces: at most 16 shapes up to 256.
MULTIPLE = 16
# The largest batch size is used while the remaining pairs fill more than this share of it.
FULL = 0.9


def batch_rows(width: int, tokens: int) -> int:
    """Number of pairs in a full batch of this width: about `tokens` padded wordpieces, a multiple of `ROW_MULTIPLE`.

    With the multiple, no rows of a matrix product are left over. Those would be summed in another order, so the bits of
    a pair's logits would depend on the pair's row in the batch.
    """
    pairs = ROW_MULTIPLE // math.gcd(ROW_MULTIPLE, width)
    return max(pairs, tokens // width // pairs * pairs)


def by_width(
    packer: Packer, query_rows: np.ndarray, passage_rows: np.ndarray, tokens: int, fill: int
) -> Iterator[tuple[np.ndarray, PaddedPairs]]:
    """Yields (indices of the pairs, these pairs packed), widest first.

    Args:
        query_rows, passage_rows: [pairs] rows of the packer's stores.
        tokens: padded wordpieces of a full batch.
        fill: the last batch of a width is filled up with copies of its first pair: to a multiple of this many padded
            wordpieces, or if `WHOLE`, to the size of a full batch.
    """
    widths = -(-packer.pair_lengths(query_rows, passage_rows) // MULTIPLE) * MULTIPLE
    # Rounding up must not exceed the number of positions that the model has.
    widths = np.minimum(widths, packer.lengths.sequence)
    # Widest first, so that the memory peaks at the start and the remaining time is over- rather than underestimated.
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
) -> Iterator[tuple[np.ndarray, PackedPairs]]:
    """Yields (indices of consecutive pairs, these pairs packed into rows); each batch takes as many pairs as fit.

    Batches have the largest size while the remaining pairs fill more than the share `FULL` of it, then the smallest.
    """
    lengths = packer.pair_lengths(query_rows, passage_rows)
    ends, start = np.cumsum(lengths), 0
    while start < len(lengths):
        before = ends[start - 1] if start else 0
        size = rows.sizes[-1] if ends[-1] - before > FULL * rows.sizes[-1] else rows.sizes[0]
        stop = int(np.searchsorted(ends, before + size, side="right"))
        stop = min(max(stop, start + 1), start + rows.pairs)
        starts, used = rows.starts_of(lengths[start:stop])
        while used > size:
            stop -= max(1, (stop - start) // 64)
            starts, used = rows.starts_of(lengths[start:stop])
        chosen = np.arange(start, stop)
        yield chosen, pack_at(packer, query_rows[chosen], passage_rows[chosen], chosen, starts, size)
        start = stop


def made_ahead(items: Iterator[Item], count: int) -> Iterator[Item]:
    """The items, of which a thread makes up to `count` before they are asked for; its exceptions are raised here."""
    end = object()
    with ThreadPoolExecutor(1) as thread:
        waiting = deque(thread.submit(next, items, end) for _ in range(count))
        while (item := waiting.popleft().result()) is not end:
            waiting.append(thread.submit(next, items, end))
            yield item
