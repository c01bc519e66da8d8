"""The score function of a public cross-encoder: applied to the written scores, but not used for the order."""

import numpy as np

from lce_tf.data.runs import Run


def activate(scores: np.ndarray, activation: str) -> np.ndarray:
    """Scores as they are written, float64 of the same shape: unchanged ("identity") or their "sigmoid".

    Both keep the order. But in float32 the sigmoids of scores well above 8 are equal, so order by the scores
    themselves.
    """
    wide = np.asarray(scores, np.float64)
    if activation == "identity":
        return wide
    with np.errstate(invalid="ignore"):  # rows that were not scored are NaN
        return np.exp(-np.logaddexp(0, -wide))


def activated(run: Run, raw: np.ndarray, activation: str) -> tuple[Run, np.ndarray]:
    """A reranked run with activated scores in the same order.

    Args:
        run, raw: as `merged` gives them; rows that were not scored keep their distance from the lowest score.
    """
    if activation == "identity":
        return run, raw
    shift = np.zeros(len(run.query_ids))
    some = np.diff(run.offsets) > 0
    if some.any():  # reduceat does not accept empty ranges
        lowest = np.minimum.reduceat(np.where(np.isnan(raw), np.inf, raw), run.offsets[:-1][some])
        shift[some] = activate(lowest, activation) - lowest
    values = activate(raw, activation)
    scores = np.where(np.isnan(raw), run.scores + np.repeat(shift, np.diff(run.offsets)), values)
    return Run.build(run.query_ids, run.offsets, run.passage_ids, scores, run.tag), values.astype(np.float32)
