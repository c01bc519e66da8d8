"""Looks up a teacher's scores of candidates and positives in runs."""

from collections.abc import Sequence

import numpy as np

from lce_tf.data.lookup import IdLookup
from lce_tf.data.rows import found_at, owners_of, ranges_of, stretches
from lce_tf.data.runs import Run
from lce_tf.errors import UserError
from lce_tf.hard_negatives.candidates import Candidates, Judged
from lce_tf.hard_negatives.filters import Taught
from lce_tf.hard_negatives.passages import Passages

# Number of queries whose candidates are processed at a time.
BLOCK = 1024


class Teacher:
    """A teacher's scores, read from `runs`. If several runs score a pair, the first run's score is used.

    Args:
        runs: runs whose scores are the teacher's.
        names: [queries] 'S' ids of all queries.
        passages: the passages that scores are looked up for.
    """

    def __init__(self, runs: Sequence[Run], names: np.ndarray, passages: Passages):
        self._runs, self._passages = runs, passages
        self._indices = [IdLookup(run.query_ids).rows(names) for run in runs]

    def check(self, queries: Judged, files: Sequence[str]) -> None:
        """Checks that the teacher has scored at least one positive; without, it would filter nothing.

        Args:
            queries: all queries.
            files: the runs' file names, for the error message.

        Raises:
            UserError: it has scored none.
        """
        for first in range(0, len(queries.names), BLOCK):
            last = min(first + BLOCK, len(queries.names))
            if np.isfinite(self._looked_up(np.arange(first, last), *_positives(queries.block(first, last)))).any():
                return
        raise UserError(
            f"--teacher {' '.join(files)}: has no score of a passage judged relevant to one of the queries; write it "
            "with python -m lce_tf.score, from the --run"
        )

    def taught(self, indices: np.ndarray, queries: Judged, candidates: Candidates) -> Taught:
        """The teacher's scores for a block of queries.

        Args:
            indices: [queries] indices of the block's queries among all queries.
        """
        owners, positives = _positives(queries)
        scores = self._looked_up(indices, owners, positives)
        # Sorts each query's positives by score, unscored ones last: the first has the lowest score, or none is scored.
        order = np.lexsort((np.where(np.isfinite(scores), scores, np.inf), owners))
        lowest = order[queries.offsets[:-1]]
        mine = lowest[candidates.owners]
        found = self._looked_up(indices, candidates.owners, candidates.passages)
        return Taught(found, scores[mine], positives[mine])

    def _looked_up(self, indices: np.ndarray, owners: np.ndarray, passages: np.ndarray) -> np.ndarray:
        """[pairs] float64 scores of (query, passage) pairs; NaN for pairs that the teacher has not scored.

        Args:
            indices: [queries] indices of the block's queries among all queries.
            owners: [pairs] index of each pair's query in `indices`.
            passages: [pairs] number of each pair's passage.
        """
        width, found = len(self._passages.ids), np.full(len(owners), np.nan)
        wanted = owners * width + passages
        for run, in_run in zip(self._runs, self._indices, strict=True):
            rows, offsets = stretches(*ranges_of(run.offsets, in_run[indices]))
            numbers = self._passages.rows(run.passage_ids[rows])
            pairs = owners_of(offsets) * width + numbers
            pairs, scores = pairs[numbers >= 0], run.scores[rows][numbers >= 0]
            order = np.argsort(pairs, kind="stable")
            at = found_at(wanted, pairs[order])
            found = np.where(np.isnan(found) & (at >= 0), np.append(scores[order], np.nan)[at], found)
        return found


def _positives(queries: Judged) -> tuple[np.ndarray, np.ndarray]:
    return owners_of(queries.offsets), queries.positives
