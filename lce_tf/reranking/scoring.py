"""Scores for many pairs: sorted by length into batches of fixed shapes, each pair's score a function of the pair."""

import threading
from collections.abc import Callable, Iterator

import numpy as np

from lce_tf.reranking.engines import Engine
from lce_tf.tokens.packing import Packed, Packer

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

    A pair is always computed at the width of its own length and, unless the engine is steady, in a batch that is filled
    up to that width's one size. So its score does not depend on what else is asked for.

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
    batches = _batches(packer, query_rows, passage_rows, tokens or engine.tokens, engine.steady)
    engine.run(batches, keep)
    return result[0]


def _batches(
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
