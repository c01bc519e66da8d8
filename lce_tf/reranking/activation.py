"""Turns ranking scores into the values that are written: the scores, an activation of them, or probabilities."""

import numpy as np

from lce_tf.data.runs import Run
from lce_tf.reranking.calibration import Calibration, sigmoid

# An activation's name, or the calibration that takes its place.
Shown = str | Calibration


def activate(scores: np.ndarray, shown: Shown) -> np.ndarray:
    """The values that are written for ranking scores, float64 of the same shape.

    No activation reverses the order of two scores, but different scores may give equal values: order by the scores.

    Args:
        scores: ranking scores of any shape; NaN stays NaN.
        shown: "identity" (the scores unchanged), "sigmoid", "log_sigmoid" (the logarithm of the sigmoid), "tanh", or a
            calibration, which gives probabilities.
    """
    if isinstance(shown, Calibration):
        return shown.probability(scores)
    wide = np.asarray(scores, np.float64)
    if shown == "log_sigmoid":
        with np.errstate(invalid="ignore"):  # rows that were not scored are NaN
            return -np.logaddexp(0, -wide)
    if shown == "tanh":
        return np.tanh(wide)
    return wide if shown == "identity" else sigmoid(wide)


def activated(run: Run, raw: np.ndarray, shown: Shown) -> tuple[Run, np.ndarray]:
    """A reranked run with activated scores, in the same order.

    Args:
        run, raw: as `reordered` returns them.
        shown: see `activate`.

    Returns:
        The run, and [rows] float32 activated scores in its row order, NaN for rows that were not scored. In the run,
        the rows that were not scored keep their distance from the lowest score of their query.
    """
    if shown == "identity":
        return run, raw
    shift = np.zeros(len(run.query_ids))
    some = np.diff(run.offsets) > 0
    if some.any():  # reduceat does not accept empty ranges
        lowest = np.minimum.reduceat(np.where(np.isnan(raw), np.inf, raw), run.offsets[:-1][some])
        shift[some] = activate(lowest, shown) - lowest
    values = activate(raw, shown)
    scores = np.where(np.isnan(raw), run.scores + np.repeat(shift, np.diff(run.offsets)), values)
    # Rounding must not exchange two rows, so each value is limited to the one above it.
    for a, b in zip(run.offsets[:-1].tolist(), run.offsets[1:].tolist(), strict=True):
        np.minimum.accumulate(scores[a:b], out=scores[a:b])
    return Run.build(run.query_ids, run.offsets, run.passage_ids, scores, run.tag), values.astype(np.float32)
