"""Filters that remove judged passages, near-duplicates of a positive, and passages that a teacher scores as relevant.

Each filter returns a mask over the candidates and the positive that each candidate was compared with.
"""

from typing import NamedTuple

import numpy as np

from lce_tf.data.draws import mix
from lce_tf.data.rows import found_at, owners_of
from lce_tf.errors import UserError
from lce_tf.hard_negatives.candidates import Candidates, Judged
from lce_tf.hard_negatives.passages import Passages


class Found(NamedTuple):
    """The result of a filter.

    Attributes:
        removed: [rows] bool, whether the candidate is removed.
        against: [rows] int64 number of the positive that the candidate was compared with; for filters that compare
            nothing, the query's first positive.
        figures: name -> [rows] float64 similarity or score that was compared; NaN if unknown.
    """

    removed: np.ndarray
    against: np.ndarray
    figures: dict[str, np.ndarray]


def judged(candidates: Candidates, queries: Judged, passages: Passages) -> Found:
    """Removes candidates that are judged for their query (those in `queries.dropped`)."""
    width = len(passages.ids)
    owners = owners_of(queries.dropped_offsets)
    pairs = candidates.owners * width + candidates.passages
    removed = np.isin(pairs, owners * width + queries.dropped)
    return Found(removed, queries.positives[queries.offsets[candidates.owners]], {})


def unknown(candidates: Candidates, queries: Judged, passages: Passages) -> Found:
    """Removes candidates that the collection does not have."""
    removed = ~passages.known[candidates.passages]
    return Found(removed, queries.positives[queries.offsets[candidates.owners]], {})


def near_duplicates(candidates: Candidates, queries: Judged, passages: Passages, threshold: float) -> Found:
    """Removes candidates whose word trigrams have a Jaccard similarity to a positive's of at least `threshold`."""
    similarity, against = similarities(candidates, queries, passages)
    return Found(similarity >= threshold, against, {"similarity": similarity})


def similarities(candidates: Candidates, queries: Judged, passages: Passages) -> tuple[np.ndarray, np.ndarray]:
    """Each candidate's highest Jaccard similarity to a positive of its query, [rows] float64, and that positive's
    number, [rows] int64."""
    counts = np.diff(queries.offsets)
    mine, bounds = passages.trigrams(candidates.passages)
    sizes = np.diff(bounds)
    # Combines the hashes of trigram and query, so that a trigram matches only positives of the same query.
    mine = mine ^ mix(np.repeat(candidates.owners, sizes))
    best = np.full(len(sizes), -1.0)
    against = queries.positives[queries.offsets[candidates.owners]]
    for turn in range(counts.max(initial=0)):
        owners = np.flatnonzero(counts > turn)
        positives = np.full(len(counts), -1)
        positives[owners] = queries.positives[queries.offsets[owners] + turn]
        theirs, their_bounds = passages.trigrams(positives[owners])
        theirs = theirs ^ mix(np.repeat(owners, np.diff(their_bounds)))
        shared = np.diff(np.concatenate([[0], np.cumsum(_among(mine, theirs))])[bounds])
        other = np.where(positives >= 0, passages.sizes(positives), 0)[candidates.owners]
        union = sizes + other - shared
        value = np.divide(shared, union, out=np.zeros(len(sizes)), where=union > 0)
        better = (value > best) & (positives[candidates.owners] >= 0)
        best, against = np.where(better, value, best), np.where(better, positives[candidates.owners], against)
    return np.maximum(best, 0.0), against


def _among(values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """[values] bool, whether each hash is one of `wanted`: the same as `np.isin`, several times faster if few are."""
    if not len(wanted):
        return np.zeros(len(values), bool)
    mask = np.uint64((1 << max(16, int(len(wanted)).bit_length() + 6)) - 1)
    table = np.zeros(int(mask) + 1, bool)
    table[wanted & mask] = True
    found = table[values & mask]
    indices = np.flatnonzero(found)
    found[indices] = found_at(values[indices], np.sort(wanted)) >= 0
    return found


class Taught(NamedTuple):
    """A teacher's scores of candidates and of the positives that they are compared with.

    Attributes:
        scores: [rows] float64 score of each candidate; NaN if the teacher has not scored it.
        positive_scores: [rows] float64 lowest score among the query's positives; NaN if none of them is scored.
        against: [rows] int64 number of that positive.
    """

    scores: np.ndarray
    positive_scores: np.ndarray
    against: np.ndarray

    def above_margin(self, margin: float) -> Found:
        """Removes candidates that score above the positive's score minus `margin`.

        A candidate is kept if its score or the positive's is unknown. Source: Moreira et al. 2024, "NV-Retriever",
        section 3, TopK-MarginPos.
        """
        return self._found(self.scores > self.positive_scores - margin)

    def above_share(self, share: float, scale: str) -> Found:
        """Removes candidates that score above `share` of the positive's score.

        A candidate is kept if its score or the positive's is unknown. Source: Moreira et al. 2024, "NV-Retriever",
        section 3, TopK-PercPos, where scores are cosines. Logits are compared after a sigmoid, since a share of a
        negative score would be higher than the score.

        Args:
            share: share of the positive's score, in (0, 1].
            scale: "logit" or "raw", see `NegativesConfig.teacher_scale`.

        Raises:
            UserError: `scale` is "raw" and a positive's score is not above 0.
        """
        if scale == "raw":
            if (low := self.positive_scores <= 0).any():
                raise UserError(
                    f"--teacher-share {share}: a positive has the score {self.positive_scores[low.argmax()]:.4g}, of "
                    "which a share is no bound; give --teacher-margin, or --teacher-scale logit"
                )
            return self._found(self.scores > share * self.positive_scores)
        with np.errstate(invalid="ignore"):  # unknown scores are NaN
            # Compares logarithms of the sigmoids, since sigmoids of large logits would all round to 1.
            mine, positive = -np.logaddexp(0, -self.scores), -np.logaddexp(0, -self.positive_scores)
        return self._found(mine > np.log(share) + positive)

    def _found(self, removed: np.ndarray) -> Found:
        figures = {"teacher_score": self.scores, "positive_score": self.positive_scores}
        return Found(removed, self.against, figures)
