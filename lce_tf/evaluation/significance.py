"""Significance of differences between runs: paired t-tests over queries with Bonferroni's correction, and intervals."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from lce_tf.errors import UserError
from lce_tf.evaluation.measures import mean

# Smaller differences between two values of a query are rounding errors, not differences in ranking.
_ROUNDING = 1e-12

Pair = tuple[str, str]


@dataclass(frozen=True)
class Comparison:
    """The result of comparing runs.

    Attributes:
        names: the runs, in the order given.
        means: name -> mean over the queries.
        queries: number of queries in each mean and test.
        alpha: the level that a corrected p-value must be below.
        comparisons: the number m of comparisons, by which Bonferroni's correction multiplies p.
        p_values: (first, second) -> two-sided p of the paired t-test, in the order of the pairs.
        corrected: the same keys -> min(1, p * m).
        beats: name -> the names with a lower mean and corrected p < alpha, in the order of `names`.
    """

    names: tuple[str, ...]
    means: dict[str, float]
    queries: int
    alpha: float
    comparisons: int
    p_values: dict[Pair, float]
    corrected: dict[Pair, float]
    beats: dict[str, list[str]]


def compare(
    per_query: Mapping[str, Mapping[str, float]],
    alpha: float = 0.01,
    pairs: Iterable[Pair] | None = None,
    comparisons: int | None = None,
) -> Comparison:
    """Paired two-sided t-tests over per-query values, Bonferroni-corrected for the number of comparisons.

    Args:
        per_query: run name -> query id -> value; the same queries in all runs, at least two.
        alpha: level for the corrected p-value, above 0 and below 1.
        pairs: the pairs of names to test; None: all k(k-1)/2.
        comparisons: the number to correct for; None: the number of pairs.

    Two runs that are equal on every query have p = 1. If the difference is not 0 and the same on every query, p = 0,
    the limit as its standard deviation goes to 0. The t statistic is undefined in both cases.

    Raises:
        UserError: fewer than two runs or queries, different queries in two runs, a value that is not finite, a pair
            that is given twice or names an unknown run, alpha or comparisons out of range.
    """
    names = tuple(per_query)
    values = _matrix(per_query)
    if not 0 < alpha < 1:
        raise UserError(f"alpha is {alpha}; it must lie above 0 and below 1, as 0.01 does")
    tested = list(combinations(names, 2)) if pairs is None else _checked(pairs, names)
    count = len(tested) if comparisons is None else comparisons
    if count < 1:
        raise UserError(f"the number of comparisons is {count}; it must be at least 1")
    means = {name: mean(per_query[name]) for name in names}
    p_values = {(a, b): _paired_p(values[a], values[b]) for a, b in tested}
    corrected = {pair: min(1.0, p * count) for pair, p in p_values.items()}
    beaten: dict[str, set[str]] = {name: set() for name in names}
    for (a, b), p in corrected.items():
        if p < alpha and means[a] != means[b]:
            winner, loser = (a, b) if means[a] > means[b] else (b, a)
            beaten[winner].add(loser)
    beats = {name: [other for other in names if other in beaten[name]] for name in names}
    return Comparison(names, means, values[names[0]].size, alpha, count, p_values, corrected, beats)


def letters(names: Sequence[str]) -> dict[str, str]:
    """A letter for each name, in order: a, b, … z, then aa, ab, …"""
    return {name: _letter(index) for index, name in enumerate(names)}


def superscript(beaten: Sequence[str], letter: Mapping[str, str]) -> str:
    """The letters of the runs that a run beats; with commas between them if some runs have two letters.

    Args:
        letter: of all runs, as `letters` returns them.
    """
    return ("" if len(letter) <= 26 else ",").join(letter[name] for name in beaten)


def mean_interval(values: Mapping[str, float] | Iterable[float], level: float = 0.95) -> tuple[float, float]:
    """The lower and upper end of the t confidence interval for the mean of per-query values.

    Equal values give an interval of width 0.

    Raises:
        UserError: fewer than two values, a value that is not finite, or a level that is not between 0 and 1.
    """
    from scipy import stats

    numbers = np.array(list(values.values() if isinstance(values, Mapping) else values), dtype=np.float64)
    if numbers.size < 2:
        raise UserError(f"an interval needs at least two queries; there are {numbers.size}")
    if not np.isfinite(numbers).all():
        raise UserError("a value is not finite, so the mean has no interval")
    if not 0 < level < 1:
        raise UserError(f"the level is {level}; it must lie above 0 and below 1, as 0.95 does")
    centre = mean(numbers.tolist())
    half = float(stats.t.ppf((1 + level) / 2, numbers.size - 1)) * float(numbers.std(ddof=1)) / math.sqrt(numbers.size)
    return centre - half, centre + half


def _matrix(per_query: Mapping[str, Mapping[str, float]]) -> dict[str, np.ndarray]:
    """name -> [queries] float64, all in the query order of the first run."""
    if len(per_query) < 2:
        raise UserError(f"a comparison needs at least two runs; there are {len(per_query)}")
    first = next(iter(per_query))
    query_ids = list(per_query[first])
    if len(query_ids) < 2:
        raise UserError(f"a paired test needs at least two queries; there are {len(query_ids)}")
    values = {}
    for name, found in per_query.items():
        if odd := found.keys() ^ per_query[first].keys():
            raise UserError(f"{name} and {first} are not over the same queries, e.g. {min(odd)}: evaluate both alike")
        values[name] = np.array([found[query_id] for query_id in query_ids], dtype=np.float64)
        if not np.isfinite(values[name]).all():
            index = int(np.flatnonzero(~np.isfinite(values[name]))[0])
            raise UserError(
                f"{name}: the value of query {query_ids[index]} is {values[name][index]}; it must be finite"
            )
    return values


def _checked(pairs: Iterable[Pair], names: tuple[str, ...]) -> list[Pair]:
    tested, seen = [], set()
    for a, b in pairs:
        for name in (a, b):
            if name not in names:
                raise UserError(f"pair ({a}, {b}): there is no run {name}; the runs are {', '.join(names)}")
        if a == b or frozenset((a, b)) in seen:
            raise UserError(f"pair ({a}, {b}): name two different runs, and each pair once")
        seen.add(frozenset((a, b)))
        tested.append((a, b))
    return tested


def _paired_p(a: np.ndarray, b: np.ndarray) -> float:
    from scipy import stats

    difference = a - b
    if np.ptp(difference) < _ROUNDING:
        return 1.0 if np.abs(difference).max() < _ROUNDING else 0.0
    return float(stats.ttest_rel(a, b).pvalue)


def _letter(index: int) -> str:
    text = ""
    while index >= 0:
        index, rest = divmod(index, 26)
        text = chr(ord("a") + rest) + text
        index -= 1
    return text
