"""Fits functions from scores to probabilities, and measures how well probabilities agree with labels."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from lce_tf.errors import UserError
from lce_tf.reranking.calibration import Calibration, sigmoid


class Reliability(NamedTuple):
    """How well probabilities of relevance agree with labels.

    Attributes:
        ece: expected calibration error: the mean over bins of equal width of the absolute difference between a bin's
            mean probability and its share of relevant pairs, weighted by its number of pairs (Guo et al., ICML 2017).
        brier: mean squared difference between probability and label.
        bins: number of bins.
    """

    ece: float
    brier: float
    bins: int


def reliability(probabilities: np.ndarray, relevant: np.ndarray, bins: int = 15) -> Reliability:
    """The `Reliability` of probabilities.

    Args:
        probabilities: [pairs], from 0 to 1.
        relevant: [pairs] labels, 1 or 0.
        bins: number of bins of the expected calibration error.
    """
    number = np.minimum((probabilities * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(number, weights=probabilities - relevant, minlength=bins)
    return Reliability(float(np.abs(gaps).sum() / len(relevant)), float(np.mean((probabilities - relevant) ** 2)), bins)


def platt(scores: np.ndarray, relevant: np.ndarray) -> Calibration:
    """The calibration sigmoid(a s + b) with the lowest cross entropy against Platt's targets.

    The targets are slightly below 1 for relevant pairs and slightly above 0 for others, see `_targets`.
    Source: Platt, "Probabilistic Outputs for Support Vector Machines", 1999.

    Args:
        scores: [pairs] float64.
        relevant: [pairs] labels, 1 or 0.

    Raises:
        UserError: the best a is not above 0, so the probabilities would not rise with the scores, or all scores are
            the same, so that any a is as good.
    """
    from scipy.optimize import minimize

    _check_rise(scores.min() < scores.max(), 0.0)
    targets = _targets(relevant)
    centre, width = float(scores.mean()), float(scores.std()) or 1.0
    scaled = (scores - centre) / width

    def loss(at: np.ndarray) -> tuple[float, np.ndarray]:
        z = at[0] * scaled + at[1]
        rest = sigmoid(z) - targets
        return float(np.mean(np.logaddexp(0, z) - targets * z)), np.array([np.mean(rest * scaled), np.mean(rest)])

    found = minimize(loss, np.array([1.0, 0.0]), jac=True, method="BFGS", options={"gtol": 1e-8}).x
    slope = float(found[0] / width)
    _check_rise(slope > 1e-6 / width, slope)
    return Calibration("platt", slope, float(found[1] - slope * centre))


def temperature(scores: np.ndarray, relevant: np.ndarray) -> Calibration:
    """The calibration sigmoid(s / T) with the lowest cross entropy against Platt's targets; arguments as for `platt`.

    Raises:
        UserError: the best 1 / T is not above 0, so the probabilities would not rise with the scores, or all scores are
            the same.
    """
    from scipy.optimize import minimize_scalar

    _check_rise(scores.min() < scores.max(), 0.0)
    targets = _targets(relevant)
    width = float(np.abs(scores).max()) or 1.0

    def loss(slope: float) -> float:
        z = slope * scores / width
        return float(np.mean(np.logaddexp(0, z) - targets * z))

    found = float(minimize_scalar(loss, bracket=(0.0, 1.0)).x)
    if found <= 1e-6:
        raise UserError(
            f"no temperature fits the scores (the best 1 / T is {found / width:.3g}), as 0 is not between those of "
            "relevant passages and the others; give --method platt, which moves them"
        )
    return Calibration("temperature", found / width)


def isotonic(scores: np.ndarray, relevant: np.ndarray) -> Calibration:
    """The non-decreasing calibration with the lowest squared error, which is linear between the ends of its steps.

    Arguments as for `platt`.

    Source: Zadrozny and Elkan, "Transforming Classifier Scores into Accurate Multiclass Probability Estimates", KDD
    2002.

    Raises:
        UserError: the fitted function is the same for all scores.
    """
    from scipy.optimize import isotonic_regression

    distinct, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    shares = np.bincount(inverse, weights=relevant) / counts
    steps = isotonic_regression(shares, weights=counts).x
    # Points within a step are left out: they lie on the line between its ends.
    same = (steps[1:-1] == steps[:-2]) & (steps[1:-1] == steps[2:])
    kept = np.concatenate(([True], ~same, [True])) if len(steps) > 1 else np.ones(1, bool)
    _check_rise(steps[0] < steps[-1], 0.0)
    points, values = distinct[kept].tolist(), np.clip(steps[kept], 0, 1).tolist()
    return Calibration("isotonic", scores=tuple(points), probabilities=tuple(values))


FITS: dict[str, Callable[[np.ndarray, np.ndarray], Calibration]] = {
    "platt": platt,
    "temperature": temperature,
    "isotonic": isotonic,
}


def _targets(relevant: np.ndarray) -> np.ndarray:
    """[pairs] Platt's targets: (n + 1) / (n + 2) for the n relevant pairs, 1 / (m + 2) for the m others."""
    ones = float(relevant.sum())
    zeros = len(relevant) - ones
    return np.where(relevant > 0, (ones + 1) / (ones + 2), 1 / (zeros + 2))


def _check_rise(rises: bool, slope: float) -> None:
    if not rises:
        raise UserError(
            f"the scores do not rise with relevance (slope {slope:.3g}), so that probabilities would change the order; "
            "is the run this checkpoint's, and are the judgments those of its queries?"
        )
