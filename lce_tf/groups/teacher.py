"""Teacher scores for training, taken from a run that ranks the candidates of the training pool."""

from dataclasses import dataclass

import numpy as np

from lce_tf.data.lookup import IdLookup
from lce_tf.data.rows import found_at, owners_of, ranges_of, stretches
from lce_tf.data.runs import Run, refuse_large
from lce_tf.errors import UserError
from lce_tf.groups.pool import BLOCK, TrainingPool
from lce_tf.tokens.store import TokenStore


@dataclass(frozen=True, eq=False)
class TeacherScores:
    """A teacher's scores of a pool's candidates.

    Attributes:
        positives, negatives: float32, one score for each element of the pool's `positives` and `negatives`; NaN for
            passages that the teacher has not scored.
    """

    positives: np.ndarray
    negatives: np.ndarray

    def summary(self) -> str:
        """One line: the share of the candidates that have a score."""
        if not len(self.positives):
            return f"teacher scores for {_share(self.negatives):.1%} of the passages"
        return (
            f"teacher scores for {_share(self.positives):.1%} of the positives and {_share(self.negatives):.1%} of the "
            "negatives"
        )


def teacher_scores(pool: TrainingPool, run: Run, queries: TokenStore, passages: TokenStore, file: str) -> TeacherScores:
    """The scores that a run gives to the pool's candidates.

    Args:
        queries, passages: the token stores whose rows the pool holds.
        file: name of the run's file, for the error message.

    Raises:
        UserError: the run scores none of the positives or none of the negatives, so training cannot learn from it, or a
            score is too large for 32 bits.
    """
    refuse_large(run, run.scores, f"--teacher {file}: ", "a teacher's scores")
    indices = IdLookup(run.query_ids).rows(queries.text_ids[pool.query_rows])
    starts, lengths = ranges_of(run.offsets, indices)
    found = TeacherScores(
        np.full(len(pool.positives), np.nan, np.float32), np.full(len(pool.negatives), np.nan, np.float32)
    )
    width = max(len(passages), 1)
    for first in range(0, len(pool), BLOCK):
        block = slice(first, min(first + BLOCK, len(pool)))
        rows, bounds = stretches(starts[block], lengths[block])
        owners, listed = owners_of(bounds), passages.rows(run.passage_ids[rows])
        # Pairs as single numbers (query * passages + row), so that one search in a sorted array finds them.
        pairs, values = (owners * width + listed)[listed >= 0], run.scores[rows][listed >= 0]
        order = np.argsort(pairs, kind="stable")
        known = pairs[order], values[order]
        for scores, candidates, offsets in (
            (found.positives, pool.positives, pool.positive_offsets),
            (found.negatives, pool.negatives, pool.negative_offsets),
        ):
            here = slice(offsets[block.start], offsets[block.stop])
            owners = owners_of(offsets[block.start : block.stop + 1])
            scores[here] = _looked_up(owners * width + candidates[here], *known)
    scored = [np.isfinite(scores).any() for scores in (found.positives, found.negatives) if len(scores)]
    if not all(scored):
        raise UserError(
            f"--teacher {file}: has {found.summary().removeprefix('teacher ')} of this training; write one with "
            "python -m lce_tf.score, from the run that --run names"
        )
    return found


def _share(scores: np.ndarray) -> float:
    """Share of the scores that are finite; 1 if there are none."""
    return float(np.isfinite(scores).mean()) if len(scores) else 1.0


def _looked_up(wanted: np.ndarray, pairs: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """The scores of the wanted pairs, NaN for those that are not in `pairs`.

    Args:
        wanted: pairs as single numbers.
        pairs, scores: sorted pairs as single numbers, and their scores.
    """
    at = found_at(wanted, pairs)
    return np.where(at >= 0, np.append(scores, np.nan)[at], np.nan)
