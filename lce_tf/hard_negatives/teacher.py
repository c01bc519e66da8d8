"""A teacher's scores of candidates and positives, looked up in the runs that hold them."""

from collections.abc import Sequence

import numpy as np

from lce_tf.data.lookup import IdLookup
from lce_tf.data.rows import stretches
from lce_tf.data.runs import Run
from lce_tf.errors import UserError
from lce_tf.hard_negatives.candidates import Candidates, Judged
from lce_tf.hard_negatives.filters import Taught
from lce_tf.hard_negatives.passages import Passages


class Teacher:
    """The scores in `runs`; of a pair that several of them hold, the first one's counts."""

    def __init__(self, runs: Sequence[Run], names: np.ndarray, passages: Passages):
        self._runs, self._passages = runs, passages
        self._places = [IdLookup(run.query_ids).rows(names) for run in runs]

    def check(self, queries: Judged, files: Sequence[str]) -> None:
        """Raises a UserError where the teacher has scored no positive at all, so that it would filter nothing."""
        places = np.arange(len(queries.names))
        if not np.isfinite(self._looked_up(places, *_positives(queries))).any():
            raise UserError(
                f"--teacher {' '.join(files)}: has no score of a passage judged relevant to one of the queries; write "
                "it with python -m lce_tf.score, from the --run"
            )

    def taught(self, places: np.ndarray, queries: Judged, candidates: Candidates) -> Taught:
        """Its scores for a block of queries that stand at `places` among all."""
        owners, positives = _positives(queries)
        scores = self._looked_up(places, owners, positives)
        # Unscored positives last, so that the first one of a query is its lowest score, or none.
        order = np.lexsort((np.where(np.isfinite(scores), scores, np.inf), owners))
        lowest = order[queries.offsets[:-1]]
        mine = lowest[candidates.owners]
        found = self._looked_up(places, candidates.owners, candidates.passages)
        return Taught(found, scores[mine], positives[mine])

    def _looked_up(self, places: np.ndarray, owners: np.ndarray, passages: np.ndarray) -> np.ndarray:
        """[pairs] float64 scores of pairs of a query, as its place among `places`, and a passage; NaN for none."""
        width, found = len(self._passages.ids), np.full(len(owners), np.nan)
        wanted = owners * width + passages
        for run, in_run in zip(self._runs, self._places, strict=True):
            # Place -1 takes what is last: no rows.
            lengths = np.append(np.diff(run.offsets), 0)[in_run[places]]
            rows, offsets = stretches(run.offsets[in_run[places]], lengths)
            numbers = self._passages.rows(run.passage_ids[rows])
            pairs = np.repeat(np.arange(len(places)), np.diff(offsets)) * width + numbers
            pairs, scores = pairs[numbers >= 0], run.scores[rows][numbers >= 0]
            if not len(pairs):
                continue
            order = np.argsort(pairs, kind="stable")
            near = order[np.minimum(np.searchsorted(pairs[order], wanted), len(pairs) - 1)]
            found = np.where(np.isnan(found) & (pairs[near] == wanted), scores[near], found)
        return found


def _positives(queries: Judged) -> tuple[np.ndarray, np.ndarray]:
    return np.repeat(np.arange(len(queries.names)), np.diff(queries.offsets)), queries.positives
