"""Which of the candidates that are left become negatives: a pure function of (seed, query, passage)."""

import numpy as np

from lce_tf.data.draws import draw
from lce_tf.hard_negatives.candidates import Candidates

_NEGATIVES = 4  # of the kinds of draws, see lce_tf.groups.sampler


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
    """The rows to keep, grouped by query, in the order in which the run is written.

    Each run's candidates are ordered by the draw. Then the runs take turns in proportion to their shares, so that the
    first k negatives of a query have these proportions for every k. A passage that several runs rank is kept once, by
    the run that reaches it first. A run without candidates left is passed over.

    Args:
        query_keys, passage_keys: [rows] uint64 hashes of each row's ids.
        shares: [runs] above 0.
        per_query: rows a query at most; None: all.
        how: of the choices of `NegativesConfig.draw`.
        temperature: for "score".
    """
    keys = _keys(candidates, query_keys, passage_keys, how, seed, temperature)
    order = _turns(candidates, keys, shares, np.arange(len(keys)))
    pairs = np.stack([candidates.owners[order], candidates.passages[order]])
    _, once = np.unique(pairs, axis=1, return_index=True)
    if len(once) < len(order):  # without the second copies, the turns are again by the shares
        order = _turns(candidates, keys, shares, np.sort(order[once]))
    owners = candidates.owners[order]
    places = np.arange(len(order)) - np.searchsorted(owners, owners)
    order = order[places < (per_query or len(order))]
    if len(shares) > 1:  # the turns are the only order that two runs have in common
        return order
    return order[np.lexsort((candidates.ranks[order], candidates.owners[order]))]


def _turns(candidates: Candidates, keys: np.ndarray, shares: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The given rows, ascending, query by query in the order in which the runs take turns."""
    order = rows[np.lexsort((-keys[rows], candidates.runs[rows], candidates.owners[rows]))]
    owners, runs = candidates.owners[order], candidates.runs[order]
    lists = owners * len(shares) + runs
    places = np.arange(len(order)) - np.searchsorted(lists, lists)
    return order[np.lexsort((runs, (places + 0.5) / shares[runs], owners))]


def _keys(candidates: Candidates, query_keys, passage_keys, how: str, seed: int, temperature: float) -> np.ndarray:
    """[rows] float64, the highest drawn first: log weight plus a Gumbel draw is a sample without replacement.

    Source: Kool, van Hoof and Welling, "Stochastic beams and where to find them", ICML 2019.
    """
    if how == "top":
        return -candidates.ranks.astype(float)
    uniform = (draw(seed, _NEGATIVES, query_keys, passage_keys) >> np.uint64(11)).astype(float) + 0.5
    gumbel = -np.log(-np.log(uniform / 2.0**53))
    weights = {"uniform": 0.0, "rank": -np.log(candidates.ranks), "score": candidates.scores / temperature}
    return weights[how] + gumbel
