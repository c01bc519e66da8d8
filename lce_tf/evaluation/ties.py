"""Effect of tied scores: the best, worst and expected value of a measure, and the number of ties."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from lce_tf.data.qrels import Qrels
from lce_tf.data.rows import owners_of
from lce_tf.data.runs import Run
from lce_tf.evaluation.expected import UNJUDGED, TiedList, expected_value
from lce_tf.evaluation.measures import evaluate, parse_measure

# measure -> query id -> value
Values = dict[str, dict[str, float]]


@dataclass(frozen=True)
class Ties:
    """The range of a run's values over all orders of its ties.

    Two passages of a query are tied if the run gives them the same 64-bit score.

    Attributes:
        worst, expected, best: measure -> query id -> value, for every judged query. `expected` is exact: the mean over
            all orders within the groups of equal scores, all equally likely.
        queries: number of judged queries with a tie in the run.
        tied_pairs: number of unordered pairs of tied passages, over the judged queries.
        pairs: number of unordered pairs of passages of the same query, over the judged queries.
    """

    worst: Values
    expected: Values
    best: Values
    queries: int
    tied_pairs: int
    pairs: int

    @property
    def share(self) -> float:
        """Share of tied pairs among all pairs; 0 if no query has two passages."""
        return self.tied_pairs / self.pairs if self.pairs else 0.0


def ties(run: Run, qrels: Qrels, values: Mapping[str, Mapping[str, float]]) -> Ties:
    """The worst, expected and best values of `run` over all orders of its ties, and the number of ties.

    The best order sorts tied passages by grade, highest first; the worst order sorts them lowest first. For every
    measure that `parse_measure` knows, all other orders give values between these two. Both orders are evaluated like
    the run itself.

    Args:
        run: a run with the scores of its file, as `read_run` returns it.
        qrels: see `evaluate`.
        values: the result of `evaluate` for this run and these judgments; its keys are the measures.
    """
    shared = run.only(qrels)
    lengths, sizes = np.diff(shared.offsets), np.diff(_bounds(shared))
    grouped = np.bincount(owners_of(shared.offsets)[_bounds(shared)[:-1]], minlength=len(lengths))
    tied = shared.only(shared.query_ids[grouped < lengths].tolist())
    counts = {"queries": len(tied.query_ids), "tied_pairs": _pairs(sizes), "pairs": _pairs(lengths)}
    worst, expected, best = ({name: dict(found) for name, found in values.items()} for _ in range(3))
    if len(tied):
        judged = {query_id.decode(): qrels[query_id.decode()] for query_id in tied.query_ids.tolist()}
        grades = _grades(tied, judged)
        for target, key in ((worst, grades), (best, -grades)):
            for name, found in evaluate(_reordered(tied, key), judged, list(values)).items():
                target[name].update(found)
        lists = _tied_lists(tied, judged, grades)
        for name in values:
            measure = parse_measure(name)
            for query_id, ranking in lists.items():
                low, high = worst[name][query_id], best[name][query_id]
                # If no order changes the value, no formula is needed; this covers set measures, which have none.
                expected[name][query_id] = low if low == high else expected_value(measure, ranking)
    return Ties(worst, expected, best, **counts)


def _pairs(sizes: np.ndarray) -> int:
    return int((sizes * (sizes - 1) // 2).sum())


def _bounds(run: Run) -> np.ndarray:
    """[groups + 1] first row of each group of equal scores within a query; the last value is the number of rows."""
    owners = owners_of(run.offsets)
    first = np.ones(len(run), bool)
    first[1:] = (run.scores[1:] != run.scores[:-1]) | (owners[1:] != owners[:-1])
    return np.append(np.flatnonzero(first), len(run))


def _grades(run: Run, qrels: Qrels) -> np.ndarray:
    grades = np.empty(len(run), np.int64)
    for number, judged in enumerate(qrels.values()):
        rows = slice(run.offsets[number], run.offsets[number + 1])
        known = {passage_id.encode(): grade for passage_id, grade in judged.items()}
        grades[rows] = [known.get(passage_id, UNJUDGED) for passage_id in run.passage_ids[rows].tolist()]
    return grades


def _reordered(run: Run, key: np.ndarray) -> Run:
    """The run with each group of equal scores ordered by `key`, lowest first."""
    order = np.lexsort((key, owners_of(_bounds(run))))
    return replace(run, passage_ids=run.passage_ids[order])


def _tied_lists(run: Run, qrels: Qrels, grades: np.ndarray) -> dict[str, TiedList]:
    """Query id -> its `TiedList`; `run` and `qrels` have the same queries in the same order."""
    bounds, lists = _bounds(run), {}
    for (query_id, judged), start, end in zip(qrels.items(), run.offsets[:-1], run.offsets[1:], strict=True):
        inside = bounds[np.searchsorted(bounds, start) : np.searchsorted(bounds, end) + 1]
        lists[query_id] = TiedList(grades[start:end], inside - start, np.array(list(judged.values()), np.int64))
    return lists
