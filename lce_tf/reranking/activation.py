"""What is shown of a score: itself, its sigmoid, or a calibrated probability. The order is always the score's."""

import numpy as np

from lce_tf.data.runs import Run
from lce_tf.reranking.calibration import Calibration, sigmoid

# An activation's name, or the calibration that takes its place.
Shown = str | Calibration


def activate(scores: np.ndarray, shown: Shown) -> np.ndarray:
    """Scores as they are written, float64 of the same shape.

    Args:
        shown: "identity": themselves; "sigmoid" or "log_sigmoid", its logarithm; "tanh"; or a calibration's
            probabilities. None of them changes the order, but equal values may come of different scores: order by the
            scores themselves.
    """
    if isinstance(shown, Calibration):
        return shown.probability(scores)
    wide = np.asarray(scores, np.float64)
    if shown == "log_sigmoid":
        with np.errstate(invalid="ignore"):  # rows that were not scored are no numbers
            return -np.logaddexp(0, -wide)
    if shown == "tanh":
        return np.tanh(wide)
    return wide if shown == "identity" else sigmoid(wide)


def activated(run: Run, raw: np.ndarray, shown: Shown) -> tuple[Run, np.ndarray]:
    """A reranked run with its scores activated, its order as it was.

    Args:
        run, raw: as `merged` gives them; rows that were not scored keep their distance from the lowest score.
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
    # Rounding must not exchange two rows: each value is at most the one above it.
    for a, b in zip(run.offsets[:-1].tolist(), run.offsets[1:].tolist(), strict=True):
        np.minimum.accumulate(scores[a:b], out=scores[a:b])
    return Run.build(run.query_ids, run.offsets, run.passage_ids, scores, run.tag), values.astype(np.float32)
