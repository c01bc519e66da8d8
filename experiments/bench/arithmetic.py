"""Medians, ratios and verdicts from the figures of several rounds."""

import statistics
from collections.abc import Sequence
from typing import NamedTuple

AT_LEAST, AT_MOST = "at least", "at most"


class Spread(NamedTuple):
    """The median of several rounds with the smallest and the largest of them."""

    median: float
    least: float
    most: float


def spread(values: Sequence[float]) -> Spread:
    """Median, smallest and largest of one or more values."""
    return Spread(statistics.median(values), min(values), max(values))


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """The ratios of our figures to theirs, round by round.

    The rounds alternate, so a temporary slowdown of the machine affects both sides of a round, and the ratio is
    steadier than the ratio of two medians.

    Raises:
        ValueError: different numbers of rounds.
    """
    return spread([mine / other for mine, other in zip(ours, theirs, strict=True)])


def met(value: float, direction: str, target: float) -> bool:
    """Whether a figure meets a target, AT_LEAST or AT_MOST a value (inclusive)."""
    return value >= target if direction == AT_LEAST else value <= target
