"""Computes the logits of many pairs with any engine."""

from collections import deque
from collections.abc import Callable, Iterator

import numpy as np

from lce_tf.reranking.engine import Batches, Engine
from lce_tf.tokens.packing import Packer


def score_pairs(
    engine: Engine,
    packer: Packer,
    query_rows: np.ndarray,
    passage_rows: np.ndarray,
    advance: Callable[[int], None] = lambda pairs: None,
) -> np.ndarray:
    """The logits of pairs given as rows of the packer's stores.

    Args:
        advance: called with the number of pairs scored since the last call, for a progress bar.

    Returns:
        [pairs, outputs] float32, NaN for a pair that the engine did not return; `reordered` refuses NaN.
    """
    result = None
    for rows, logits in computed(engine, engine.batches(packer, query_rows, passage_rows)):
        if result is None:
            result = np.full((len(query_rows), logits.shape[1]), np.nan, np.float32)
        result[rows] = logits[: len(rows)]
        advance(len(rows))
    return np.zeros((0, 1), np.float32) if result is None else result


def computed(engine: Engine, batches: Batches) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields (indices of the pairs, their logits followed by those of padding rows), in the order of the batches.

    `engine.ahead` batches are started beyond the one awaited, so that the device computes while batches are packed.
    """
    started: deque[tuple[np.ndarray, Callable[[], np.ndarray]]] = deque()
    for rows, batch in batches:
        started.append((rows, engine.start(batch)))
        if len(started) > engine.ahead:
            rows, logits = started.popleft()
            yield rows, logits()
    for rows, logits in started:
        yield rows, logits()
