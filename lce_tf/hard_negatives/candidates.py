"""Judged queries and their candidates: the passages that runs rank for them within a window of ranks."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lce_tf.data.lookup import IdLookup
from lce_tf.data.qrels import Qrels, relevant
from lce_tf.data.rows import offsets_of, owners_of, ranges_of, ranks_of, stretches
from lce_tf.data.runs import Run
from lce_tf.errors import UserError
from lce_tf.hard_negatives.passages import Passages


class Candidates(NamedTuple):
    """Candidates of a block of queries, one per row, sorted by query, run and rank.

    Attributes:
        owners: [rows] int64 index of the candidate's query in the block.
        passages: [rows] int64 number of the passage in `Passages`.
        runs: [rows] int64 index of the run that ranks it.
        ranks: [rows] int64 rank in that run, from 1.
        scores: [rows] float64 score in that run.
    """

    owners: np.ndarray
    passages: np.ndarray
    runs: np.ndarray
    ranks: np.ndarray
    scores: np.ndarray

    def only(self, kept: np.ndarray) -> "Candidates":
        """The rows given by `kept`, a boolean mask or row numbers."""
        return Candidates(*(column[kept] for column in self))


class Judged(NamedTuple):
    """Queries with their judged passages.

    Attributes:
        names: [queries] 'S' ids.
        positives, offsets: flat int64 numbers of each query's relevant passages in the collection, and [queries + 1]
            offsets.
        dropped, dropped_offsets: the same for the judged passages that must not become negatives.
    """

    names: np.ndarray
    positives: np.ndarray
    offsets: np.ndarray
    dropped: np.ndarray
    dropped_offsets: np.ndarray

    def block(self, first: int, last: int) -> "Judged":
        """Queries [first, last)."""
        a, b = self.offsets[[first, last]]
        c, d = self.dropped_offsets[[first, last]]
        offsets, dropped_offsets = self.offsets[first : last + 1] - a, self.dropped_offsets[first : last + 1] - c
        return Judged(self.names[first:last], self.positives[a:b], offsets, self.dropped[c:d], dropped_offsets)


def queries_in_runs(qrels: Qrels, runs: Sequence[Run]) -> tuple[list[str], list[str]]:
    """Ids of the queries with a relevant passage: those that are in one of the runs, and those that are in none.

    Raises:
        UserError: none of them is in a run.
    """
    judged = [query_id for query_id, ids in relevant(qrels).items() if ids]
    names = np.array([query_id.encode() for query_id in judged], "S" if judged else "S1")
    there = np.zeros(len(judged), bool)
    for run in runs:
        there |= IdLookup(run.query_ids).rows(names) >= 0
    if not there.any():
        raise UserError(
            f"none of the {len(judged)} queries with a relevant passage is in the runs; name the --dataset and --split "
            "that they are of"
        )
    pairs = list(zip(judged, there.tolist(), strict=True))
    return [name for name, is_there in pairs if is_there], [name for name, is_there in pairs if not is_there]


def named_passages(names: Sequence[str], qrels: Qrels, windows: Sequence["Window"]) -> np.ndarray:
    """[passages] 'S', distinct ids of passages that are in the windows or judged for the queries `names`."""
    parts = [np.array([i.encode() for name in names for i in qrels[name]])]
    parts += [np.unique(window.passage_ids()) for window in windows]
    return np.unique(np.concatenate(parts))


def judged_queries(names: Sequence[str], qrels: Qrels, passages: Passages, drop: str) -> tuple[Judged, list[str]]:
    """The queries that have a positive in the collection, and the ids of those that have none.

    Args:
        drop: "relevant" or "all": which judged passages must not become negatives.

    Raises:
        UserError: no query has a positive in the collection.
    """
    positives = {name: [i for i, grade in qrels[name].items() if grade >= 1] for name in names}
    dropped = {name: list(qrels[name]) for name in names} if drop == "all" else positives
    good, offsets = _numbered(positives, passages)
    usable = np.diff(offsets) > 0
    without = [name for name, is_usable in zip(names, usable.tolist(), strict=True) if not is_usable]
    if not usable.any():
        raise UserError(f"no passage judged relevant to the runs' queries, such as {names[0]}, is in the collection")
    kept = [name for name, is_usable in zip(names, usable.tolist(), strict=True) if is_usable]
    good, offsets = _numbered({name: positives[name] for name in kept}, passages)
    bad, bad_offsets = _numbered({name: dropped[name] for name in kept}, passages)
    return Judged(np.array([name.encode() for name in kept]), good, offsets, bad, bad_offsets), without


class Window:
    """The passages at ranks `first` to `last` of a run, for each of the queries `names`, [queries] 'S'."""

    def __init__(self, run: Run, names: np.ndarray, first: int, last: int):
        indices = IdLookup(run.query_ids).rows(names)
        self.run, self._skipped = run, first - 1
        starts, lengths = ranges_of(run.offsets, indices)
        self._starts = starts + self._skipped
        self._lengths = np.maximum(np.minimum(lengths, last) - self._skipped, 0)

    def passage_ids(self) -> np.ndarray:
        """[rows] 'S', the ids of all passages in the window, query by query."""
        return self.run.passage_ids[stretches(self._starts, self._lengths)[0]]

    def of(self, queries: np.ndarray, passages: Passages, number: int) -> Candidates:
        """The candidates of some queries.

        Args:
            queries: indices into `names`.
            number: index of this run, for `Candidates.runs`.
        """
        rows, offsets = stretches(self._starts[queries], self._lengths[queries])
        ranks = ranks_of(offsets) + self._skipped + 1
        found = passages.rows(self.run.passage_ids[rows])
        return Candidates(owners_of(offsets), found, np.full(len(rows), number), ranks, self.run.scores[rows])


def gathered(windows: Sequence[Window], queries: np.ndarray, passages: Passages) -> Candidates:
    """The candidates of all runs for the queries at these indices."""
    parts = [window.of(queries, passages, number) for number, window in enumerate(windows)]
    joined = Candidates(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
    return joined.only(np.argsort(joined.owners, kind="stable"))


def _numbered(lists: dict[str, list[str]], passages: Passages) -> tuple[np.ndarray, np.ndarray]:
    """Flat numbers of those listed passages that the collection has, and the [lists + 1] offsets of the lists."""
    owners = np.repeat(np.arange(len(lists)), [len(ids) for ids in lists.values()])
    rows = passages.rows(np.array([i.encode() for ids in lists.values() for i in ids], "S" if len(owners) else "S1"))
    known = (rows >= 0) & passages.known[rows]
    return rows[known], offsets_of(np.bincount(owners[known], minlength=len(lists)))
