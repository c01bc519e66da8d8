"""From the figures of several rounds to medians, ratios and verdicts."""

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
    """How many times theirs ours are, round by round.

    The rounds alternate, so what slows the machine for a while slows both sides of a round, and the ratio of the two
    keeps still where the ratio of two medians would not.

    Raises:
        ValueError: unequally many rounds.
    """
    return spread([mine / other for mine, other in zip(ours, theirs, strict=True)])


def met(value: float, direction: str, target: float) -> bool:
    """Whether a figure keeps a target that is AT_LEAST or AT_MOST so much; it may equal it."""
    return value >= target if direction == AT_LEAST else value <= target
