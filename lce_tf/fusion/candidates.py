"""The union of the passages that several runs have for each query, and each run's values for them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lce_tf.data.rows import owners_of
from lce_tf.data.runs import Run
from lce_tf.reranking.order import best_first


@dataclass(frozen=True)
class Candidates:
    """The union of several runs' rows.

    Queries, and the passages of a query, are ordered by their first appearance when the runs are read one after the
    other: all passages of the first run by rank, then the further passages of the second run by rank, and so on.

    Attributes:
        query_ids: [queries] 'S'.
        offsets: [queries + 1] int64, first row of each query; the last value is the number of rows.
        passage_ids: [rows] 'S'.
        rows: for each run, [rows of the run] int64, the candidate row of each row of the run.
    """

    query_ids: np.ndarray
    offsets: np.ndarray
    passage_ids: np.ndarray
    rows: tuple[np.ndarray, ...]

    @classmethod
    def of(cls, runs: Sequence[Run]) -> "Candidates":
        """The candidates of one or more runs; every query of a run must have at least one row."""
        numbers: dict[bytes, int] = {}
        for run in runs:
            for query_id in run.query_ids.tolist():
                numbers.setdefault(query_id, len(numbers))
        parts: list[list[tuple[int, int, int]]] = [[] for _ in numbers]  # for each query: (run, first row, last + 1)
        for which, run in enumerate(runs):
            bounds = run.offsets.tolist()
            for query_id, a, b in zip(run.query_ids.tolist(), bounds, bounds[1:], strict=False):
                parts[numbers[query_id]].append((which, a, b))
        rows = tuple(np.empty(len(run), np.int64) for run in runs)
        offsets, found = [0], []
        for ranges in parts:
            ids = np.concatenate([runs[which].passage_ids[a:b] for which, a, b in ranges])
            distinct, first, inverse = np.unique(ids, return_index=True, return_inverse=True)
            by_appearance = np.argsort(first)
            row = np.empty(len(first), np.int64)
            row[by_appearance] = offsets[-1] + np.arange(len(first))
            at = 0
            for which, a, b in ranges:
                rows[which][a:b] = row[inverse[at : at + b - a]]
                at += b - a
            found.append(distinct[by_appearance])
            offsets.append(offsets[-1] + len(distinct))
        return cls(np.array(list(numbers), "S"), np.array(offsets, np.int64), np.concatenate(found), rows)

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.passage_ids)

    @property
    def queries(self) -> np.ndarray:
        """[rows] index of each row's query."""
        return owners_of(self.offsets)

    def table(self, values: Sequence[np.ndarray], lowest: bool = False) -> np.ndarray:
        """[rows, runs] float64: each run's value for each candidate.

        Args:
            values: for each run, [rows of the run].
            lowest: if true, a passage that a run lacks gets the run's lowest value for the query, or 0 if the run lacks
                the query. If false, it gets NaN.
        """
        result = np.full((len(self), len(values)), np.nan)
        for which, (own, given) in enumerate(zip(self.rows, values, strict=True)):
            result[own, which] = given
        if lowest:
            floor = np.fmin.reduceat(result, self.offsets[:-1], axis=0)  # fmin ignores NaN
            floor = np.repeat(np.nan_to_num(floor, nan=0.0), np.diff(self.offsets), axis=0)
            result = np.where(np.isnan(result), floor, result)
        return result

    def ordered(self, fused: np.ndarray, tag: str = "fused") -> tuple[Run, np.ndarray]:
        """The run sorted by decreasing `fused` values [rows], and [rows] the candidate row of each of its rows.

        Passages with equal values keep the order of the candidates.
        """
        order = best_first(fused, self.queries)
        return Run.build(self.query_ids, self.offsets, self.passage_ids[order], fused[order], tag), order


def weighted(table: np.ndarray, weights: Sequence[float]) -> np.ndarray:
    """[rows] float64 weighted sums of a [rows, runs] table with [runs] weights; NaN counts as 0.

    The products are sorted before they are added, so that passages with the same products from different runs have
    exactly the same sum.
    """
    with np.errstate(over="ignore"):  # the caller sees infinity
        return np.sort(np.nan_to_num(table, nan=0.0) * np.asarray(weights, np.float64), axis=1).sum(axis=1)
