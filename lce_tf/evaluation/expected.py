"""The exact expectation of a measure over random orders of passages with equal scores.

Source of the closed forms: McSherry and Najork, "Computing Information Retrieval Performance Measures Efficiently in
the Presence of Tied Scores", ECIR 2008. Success, R-precision and bpref follow by the same argument. The measures are
defined as in trec_eval.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from lce_tf.data.rows import ranks_of
from lce_tf.evaluation.measures import Measure

UNJUDGED = -1


class TiedList(NamedTuple):
    """One query's ranked list; the order within each group of equal scores is unknown.

    Attributes:
        grades: [rows] int64, best score first, in any order within a group; a negative grade (`UNJUDGED`) means not
            judged.
        bounds: [groups + 1] int64, first row of each group of equal scores; the last value is the number of rows.
        judged: [judgments] int64, the grades of all the query's judged passages, in the list or not.
    """

    grades: np.ndarray
    bounds: np.ndarray
    judged: np.ndarray


def expected_value(measure: Measure, ties: TiedList) -> float:
    """The mean of `measure` over all orders of the list's ties, all equally likely.

    Raises:
        KeyError: a set measure, which has no formula here because it does not depend on the order.
    """
    return float(_EXPECTED[measure.trec_name.partition(".")[0]](ties, measure.rel, measure.cutoff))


def _precision(ties: TiedList, rel: int, cutoff: int) -> float:
    return _shared(ties.grades >= rel, ties.bounds)[:cutoff].sum() / cutoff


def _recall(ties: TiedList, rel: int, cutoff: int) -> float:
    relevant = (ties.judged >= rel).sum()
    return _shared(ties.grades >= rel, ties.bounds)[:cutoff].sum() / relevant if relevant else 0.0


def _r_precision(ties: TiedList, rel: int, cutoff: int | None) -> float:
    relevant = int((ties.judged >= rel).sum())
    return _precision(ties, rel, relevant) if relevant else 0.0


def _ndcg(ties: TiedList, rel: int, cutoff: int | None) -> float:
    ideal = np.sort(np.maximum(ties.judged, 0))[::-1][:cutoff]
    best = (ideal * _discounts(len(ideal))).sum()
    gains = _shared(np.maximum(ties.grades, 0), ties.bounds)[:cutoff]
    return (gains * _discounts(len(gains))).sum() / best if best else 0.0


def _average_precision(ties: TiedList, rel: int, cutoff: int | None) -> float:
    """Sum over rows: the probability r/n that the row is relevant, times the expected number of relevant rows up to
    it."""
    relevant = (ties.judged >= rel).sum()
    if not relevant:
        return 0.0
    sizes = np.diff(ties.bounds)
    among = np.add.reduceat((ties.grades >= rel).astype(np.int64), ties.bounds[:-1])
    r, n, before = (np.repeat(part, sizes) for part in (among, sizes, np.cumsum(among) - among))
    row = np.arange(len(r))
    ahead = ranks_of(ties.bounds)  # rows of the same group above this one
    up_to = before + 1 + ahead * (r - 1) / np.maximum(n - 1, 1)
    return (r / n * up_to / (row + 1))[:cutoff].sum() / relevant


def _reciprocal_rank(ties: TiedList, rel: int, cutoff: int | None) -> float:
    ranks, chances = _first_relevant(ties, rel, cutoff)
    return (chances / ranks).sum()


def _success(ties: TiedList, rel: int, cutoff: int) -> float:
    return _first_relevant(ties, rel, cutoff)[1].sum()


def _bpref(ties: TiedList, rel: int, cutoff: int | None) -> float:
    """A relevant row has 0 to k of its group's k non-relevant rows above it, all equally likely."""
    relevant, other = (ties.judged >= rel).sum(), ((ties.judged >= 0) & (ties.judged < rel)).sum()
    if not relevant:
        return 0.0
    total, above = 0.0, 0
    for start, end in zip(ties.bounds[:-1].tolist(), ties.bounds[1:].tolist(), strict=True):
        group = ties.grades[start:end]
        hits, misses = int((group >= rel).sum()), int(((group >= 0) & (group < rel)).sum())
        if hits:
            ahead = np.minimum(above + np.arange(misses + 1), relevant).mean()
            total += hits * (1 - ahead / max(min(relevant, other), 1))
        above += misses
    return total / relevant


def _first_relevant(ties: TiedList, rel: int, cutoff: int | None) -> tuple[np.ndarray, np.ndarray]:
    """The ranks within the cut-off at which the first relevant passage can be, and their probabilities."""
    hits = np.flatnonzero(ties.grades >= rel)
    if not len(hits):
        return np.zeros(0, np.int64), np.zeros(0)
    group = np.searchsorted(ties.bounds, hits[0], "right") - 1
    start, end = ties.bounds[group : group + 2].tolist()
    n, r = end - start, int((hits < end).sum())
    ahead = np.arange(n - r + 1)
    missed = np.concatenate(([1.0], np.cumprod((n - r - ahead[:-1]) / (n - ahead[:-1]))))
    ranks, chances = start + ahead + 1, missed * r / (n - ahead)
    within = slice(None) if cutoff is None else ranks <= cutoff
    return ranks[within], chances[within]


def _shared(values: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Each row's expected value: the mean over its group."""
    sizes = np.diff(bounds)
    return np.repeat(np.add.reduceat(values.astype(np.float64), bounds[:-1]) / sizes, sizes)


def _discounts(rows: int) -> np.ndarray:
    return 1 / np.log2(np.arange(2, rows + 2))


# Keyed by the first part of trec_eval's name.
_EXPECTED: dict[str, Callable[[TiedList, int, int | None], float]] = {
    "recip_rank": _reciprocal_rank,
    "map": _average_precision,
    "map_cut": _average_precision,
    "ndcg": _ndcg,
    "ndcg_cut": _ndcg,
    "P": _precision,
    "recall": _recall,
    "success": _success,
    "Rprec": _r_precision,
    "bpref": _bpref,
}
