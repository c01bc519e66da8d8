"""Normalises the scores of different rankers to a common scale, query by query.

The three normalisations are those of Montague and Aslam, "Relevance Score Normalization for Metasearch", CIKM 2001.
"""

import numpy as np

from lce_tf.data.rows import ranks_of
from lce_tf.data.runs import Run


def normalised(run: Run, values: np.ndarray, how: str) -> np.ndarray:
    """[rows] float64 values, normalised within each query's list; if all values of a list are equal, they become 0.

    Args:
        values: [rows] in the order of the run's rows.
        how: "none"; "min-max": from 0 to 1; "sum": the lowest is 0, and all add up to 1; "z-score": mean 0 and
            standard deviation 1.
    """
    values = np.asarray(values, np.float64)
    if how == "none" or not len(values):
        return values
    sizes, starts = np.diff(run.offsets), run.offsets[:-1]

    def each(per_query: np.ndarray) -> np.ndarray:
        return np.repeat(per_query, sizes)

    lowest, highest = np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)
    # Divided by a power of two, which changes no digit, so that squares and sums neither overflow nor vanish.
    powers = -np.frexp(np.maximum(np.abs(lowest), np.abs(highest)))[1]
    values, lowest, highest = np.ldexp(values, each(powers)), np.ldexp(lowest, powers), np.ldexp(highest, powers)
    if how == "z-score":
        shifted = values - each(np.add.reduceat(values, starts) / sizes)
        scale = np.sqrt(np.add.reduceat(shifted**2, starts) / sizes)
    else:
        shifted = values - each(lowest)
        scale = highest - lowest if how == "min-max" else np.add.reduceat(shifted, starts)
    scale = each(scale)
    # Lists of equal values are recognised by their range, because rounding errors can make their scale positive.
    level = each(highest == lowest)
    return np.divide(shifted, scale, out=np.zeros_like(shifted), where=~level & (scale > 0))


NORMALISATIONS = ("none", "min-max", "sum", "z-score")


def reciprocal_ranks(run: Run, k: float) -> np.ndarray:
    """[rows] float64, 1 / (k + rank) with ranks from 1.

    Source: Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning
    Methods", SIGIR 2009, with k = 60.
    """
    return 1 / (k + (1 + ranks_of(run.offsets)))
