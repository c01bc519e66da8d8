"""The function that a public cross-encoder names for its scores: applied to what is written, never to the order."""

import numpy as np

from lce_tf.data.runs import Run


def activate(scores: np.ndarray, activation: str) -> np.ndarray:
    """Scores as they are written, float64 of the same shape: themselves ("identity"), their "sigmoid" or its logarithm.

    All keep the order. In float32 a sigmoid makes equal what lies well above 8, so order by the scores themselves.
    """
    wide = np.asarray(scores, np.float64)
    if activation == "identity":
        return wide
    with np.errstate(invalid="ignore"):  # rows that were not scored are no numbers
        logarithm = -np.logaddexp(0, -wide)
        return logarithm if activation == "log_sigmoid" else np.exp(logarithm)


def activated(run: Run, raw: np.ndarray, activation: str) -> tuple[Run, np.ndarray]:
    """A reranked run with its scores activated, its order as it was.

    Args:
        run, raw: as `merged` gives them; rows that were not scored stay as far below the lowest score as they were.
    """
    if activation == "identity":
        return run, raw
    shift = np.zeros(len(run.query_ids))
    some = np.diff(run.offsets) > 0
    if some.any():  # reduceat knows no empty stretches
        lowest = np.minimum.reduceat(np.where(np.isnan(raw), np.inf, raw), run.offsets[:-1][some])
        shift[some] = activate(lowest, activation) - lowest
    values = activate(raw, activation)
    scores = np.where(np.isnan(raw), run.scores + np.repeat(shift, np.diff(run.offsets)), values)
    return Run.build(run.query_ids, run.offsets, run.passage_ids, scores, run.tag), values.astype(np.float32)
