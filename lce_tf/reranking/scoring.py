"""Scores for many pairs, in batches of a few fixed shapes: by width, or several pairs a row."""

import threading
from collections.abc import Callable, Iterator

import numpy as np

from lce_tf.reranking.engine import Engine
from lce_tf.tokens.packing import Packed, PackedTokens, Packer
from lce_tf.tokens.rows import RowShape

# Pairs are padded to a multiple of this many wordpieces: 16 shapes at most up to 256.
MULTIPLE = 16
# What pairs in a full batch are a multiple of.
BLOCK = 16


def batch_rows(width: int, tokens: int) -> int:
    """Pairs a batch of this width: about `tokens` wordpieces, whole blocks."""
    return max(BLOCK, tokens // width // BLOCK * BLOCK)


def score_pairs(
    engine: Engine,
    packer: Packer,
    query_rows: np.ndarray,
    passage_rows: np.ndarray,
    advance: Callable[[int], None] = lambda pairs: None,
    tokens: int | None = None,
) -> np.ndarray:
    """The logits of pairs given as rows of the packer's stores.

    Where pairs are not packed in rows, a pair is always computed at the width of its own length and, unless the engine
    is steady, in a batch that is filled up to that width's one size. So its score does not depend on what else is asked
    for. In rows it is the same to rounding.

    Args:
        advance: told how many pairs have been scored since the last call, for a progress bar.
        tokens: padded wordpieces a batch should hold, where that is not the engine's own number.

    Returns:
        [pairs, outputs] float32.
    """
    result: list[np.ndarray | None] = [None]
    one_at_a_time = threading.Lock()  # OpenVINO's requests finish in threads of their own

    def keep(rows: np.ndarray, logits: np.ndarray) -> None:
        with one_at_a_time:
            if result[0] is None:
                # A pair that an engine should lose is NaN, which no run is written with.
                result[0] = np.full((len(query_rows), logits.shape[1]), np.nan, np.float32)
            result[0][rows] = logits[: len(rows)]
            advance(len(rows))

    if not len(query_rows):
        return np.zeros((0, 1), np.float32)
    if rows := getattr(engine, "rows", None):
        batches = _in_rows(packer, query_rows, passage_rows, rows(packer.sequence))
    else:
        batches = _by_width(packer, query_rows, passage_rows, tokens or engine.tokens, engine.steady)
    engine.run(batches, keep)
    return result[0]


def _by_width(
    packer: Packer, query_rows, passage_rows, tokens: int, steady: bool
) -> Iterator[tuple[np.ndarray, Packed]]:
    widths = -(-(sum(packer.measure(query_rows, passage_rows)) + 3) // MULTIPLE) * MULTIPLE
    # Rounding up must not go past the positions that the model has.
    widths = np.minimum(widths, packer.sequence)
    # Longest first: what memory is needed is needed at once, and the estimate of the time left errs on the safe side.
    for width in np.unique(widths)[::-1].tolist():
        rows = np.flatnonzero(widths == width)
        size = batch_rows(width, tokens)
        for start in range(0, len(rows), size):
            chosen = rows[start : start + size]
            full = chosen if steady else np.concatenate([chosen, np.full(size - len(chosen), chosen[0])])
            yield chosen, packer.pack_to(query_rows[full], passage_rows[full], width)


def _in_rows(packer: Packer, query_rows, passage_rows, rows: RowShape) -> Iterator[tuple[np.ndarray, PackedTokens]]:
    """Batches of as many pairs, in their order, as fit; the last in the smaller size where that is enough."""
    lengths = sum(packer.measure(query_rows, passage_rows)) + 3
    ends, start = np.cumsum(lengths), 0
    while start < len(lengths):
        before = ends[start - 1] if start else 0
        stop = int(np.searchsorted(ends, before + rows.sizes[-1], side="right"))
        stop = min(max(stop, start + 1), start + rows.pairs)
        starts, used = rows.place(lengths[start:stop])
        while used > rows.sizes[-1]:
            stop -= max(1, (stop - start) // 64)
            starts, used = rows.place(lengths[start:stop])
        size = next(size for size in rows.sizes if size >= used)
        chosen = np.arange(start, stop)
        yield chosen, packer.pack_at(query_rows[chosen], passage_rows[chosen], starts, size)
        start = stop
