"""Draws negatives from the candidates that the filters leave, as a pure function of (seed, query, passage)."""

import numpy as np

from lce_tf.data.draws import LISTED_NEGATIVES, draw
from lce_tf.hard_negatives.candidates import Candidates


def drawn(
    candidates: Candidates,
    query_keys: np.ndarray,
    passage_keys: np.ndarray,
    shares: np.ndarray,
    per_query: int | None,
    how: str = "top",
    seed: int = 0,
    temperature: float = 1.0,
) -> np.ndarray:
    """The numbers of the rows to keep, grouped by query, in the order in which the run is written.

    The draw orders the candidates of each run. The runs' lists are then interleaved in proportion to `shares`, so that
    the first k negatives of a query have about these proportions for every k. A passage that several runs rank is kept
    once, for the run in which it comes first in this order. A run without candidates left is skipped.

    Args:
        query_keys, passage_keys: [rows] uint64 hashes of each row's query id and passage id.
        shares: [runs] weight of each run, above 0.
        per_query: maximum number of rows per query; None: all.
        how: a choice of `NegativesConfig.draw`.
        temperature: divides the scores if `how` is "score".
    """
    shares = np.ldexp(shares, -np.frexp(shares.max())[1])  # shares count by their ratio; a power of two keeps it
    keys = _keys(candidates, query_keys, passage_keys, how, seed, temperature)
    order = _turns(candidates, keys, shares, np.arange(len(keys)))
    pairs = np.stack([candidates.owners[order], candidates.passages[order]])
    _, once = np.unique(pairs, axis=1, return_index=True)
    if len(once) < len(order):  # interleave again without the repeated passages, so that the shares hold
        order = _turns(candidates, keys, shares, np.sort(order[once]))
    owners = candidates.owners[order]
    ranks = np.arange(len(order)) - np.searchsorted(owners, owners)
    order = order[ranks < (per_query or len(order))]
    if len(shares) > 1:  # scores and ranks of different runs cannot be compared, so keep the interleaved order
        return order
    return order[np.lexsort((candidates.ranks[order], candidates.owners[order]))]


def _turns(candidates: Candidates, keys: np.ndarray, shares: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The given rows, sorted by query and, within a query, with the runs' lists interleaved by their shares.

    Args:
        rows: ascending row numbers of `candidates`.
    """
    order = rows[np.lexsort((-keys[rows], candidates.runs[rows], candidates.owners[rows]))]
    owners, runs = candidates.owners[order], candidates.runs[order]
    lists = owners * len(shares) + runs
    ranks = np.arange(len(order)) - np.searchsorted(lists, lists)
    with np.errstate(over="ignore", divide="ignore"):  # a run whose share is that small comes last
        turns = (ranks + 0.5) / shares[runs]
    return order[np.lexsort((runs, turns, owners))]


def _keys(candidates: Candidates, query_keys, passage_keys, how: str, seed: int, temperature: float) -> np.ndarray:
    """[rows] float64 sort keys; the candidates with the highest keys are drawn first.

    Except for "top", a key is the log weight plus Gumbel noise: the k highest are then a sample without replacement.
    Source: Kool, van Hoof and Welling, "Stochastic beams and where to find them", ICML 2019.
    """
    if how == "top":
        return -candidates.ranks.astype(float)
    uniform = (draw(seed, LISTED_NEGATIVES, query_keys, passage_keys) >> np.uint64(11)).astype(float) + 0.5
    gumbel = -np.log(-np.log(uniform / 2.0**53))
    with np.errstate(over="ignore"):  # of a weight without bounds: drawn first, or last
        by_score = candidates.scores / temperature
    weights = {"uniform": 0.0, "rank": -np.log(candidates.ranks), "score": by_score}
    return weights[how] + gumbel
