"""The passages that any of several runs has for a query, and what each run says of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lce_tf.data.runs import Run
from lce_tf.reranking.order import best_first


@dataclass(frozen=True)
class Candidates:
    """The union of several runs' rows.

    Queries stand in the order of their first appearance over the runs, one run after the other. Passages of a query do
    so as well, so of two passages the one comes first that an earlier run has, or has on a better rank.

    Attributes:
        query_ids: [queries] 'S'.
        offsets: [queries + 1] int64.
        passage_ids: [rows] 'S'.
        places: for each run, [its rows] int64 where its rows are among these.
    """

    query_ids: np.ndarray
    offsets: np.ndarray
    passage_ids: np.ndarray
    places: tuple[np.ndarray, ...]

    @classmethod
    def of(cls, runs: Sequence[Run]) -> "Candidates":
        """The candidates of one or more runs, each of whose queries has a row."""
        numbers: dict[bytes, int] = {}
        for run in runs:
            for query_id in run.query_ids.tolist():
                numbers.setdefault(query_id, len(numbers))
        parts: list[list[tuple[int, int, int]]] = [[] for _ in numbers]  # of each query: (run, first row, last + 1)
        for which, run in enumerate(runs):
            bounds = run.offsets.tolist()
            for query_id, a, b in zip(run.query_ids.tolist(), bounds, bounds[1:], strict=False):
                parts[numbers[query_id]].append((which, a, b))
        places = tuple(np.empty(len(run), np.int64) for run in runs)
        offsets, found = [0], []
        for rows in parts:
            ids = np.concatenate([runs[which].passage_ids[a:b] for which, a, b in rows])
            distinct, first, inverse = np.unique(ids, return_index=True, return_inverse=True)
            by_appearance = np.argsort(first)
            place = np.empty(len(first), np.int64)
            place[by_appearance] = offsets[-1] + np.arange(len(first))
            at = 0
            for which, a, b in rows:
                places[which][a:b] = place[inverse[at : at + b - a]]
                at += b - a
            found.append(distinct[by_appearance])
            offsets.append(offsets[-1] + len(distinct))
        return cls(np.array(list(numbers), "S"), np.array(offsets, np.int64), np.concatenate(found), places)

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.passage_ids)

    @property
    def queries(self) -> np.ndarray:
        """[rows] the number of each row's query."""
        return np.repeat(np.arange(len(self.query_ids)), np.diff(self.offsets))

    def table(self, values: Sequence[np.ndarray], lowest: bool = False) -> np.ndarray:
        """[rows, runs] float64: what each run says of a passage.

        Args:
            values: for each run, [its rows].
            lowest: whether a passage that a run lacks has the lowest value of the run's list for the query, and 0
                where the run lacks the query; NaN otherwise.
        """
        result = np.full((len(self), len(values)), np.nan)
        for which, (place, given) in enumerate(zip(self.places, values, strict=True)):
            result[place, which] = given
        if lowest:
            floor = np.fmin.reduceat(result, self.offsets[:-1], axis=0)  # passes over NaN
            floor = np.repeat(np.nan_to_num(floor, nan=0.0), np.diff(self.offsets), axis=0)
            result = np.where(np.isnan(result), floor, result)
        return result

    def ordered(self, fused: np.ndarray, tag: str = "fused") -> tuple[Run, np.ndarray]:
        """The run by falling `fused` values [rows], equal ones in the order of the candidates; and the order taken."""
        order = best_first(fused, self.queries)
        return Run.build(self.query_ids, self.offsets, self.passage_ids[order], fused[order], tag), order


def weighted(table: np.ndarray, weights: Sequence[float]) -> np.ndarray:
    """[rows] float64 sums of [rows, runs] values times [runs] weights; NaN counts as 0.

    What is added is sorted first, so that passages with the same values from different runs have the same sum.
    """
    return np.sort(np.nan_to_num(table, nan=0.0) * np.asarray(weights, np.float64), axis=1).sum(axis=1)
