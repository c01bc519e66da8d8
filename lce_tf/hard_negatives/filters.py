"""What is no negative: judged passages, near-duplicates of a positive, and what a teacher takes for relevant.

Each filter gives a mask over the candidates, and for the examples the positive that each candidate was held against.
"""

from typing import NamedTuple

import numpy as np

from lce_tf.data.draws import mix
from lce_tf.errors import UserError
from lce_tf.hard_negatives.candidates import Candidates, Judged
from lce_tf.hard_negatives.passages import Passages


class Found(NamedTuple):
    """What a filter found.

    Attributes:
        removed: [rows] bool.
        against: [rows] int64 number of the positive that the candidate was compared with.
        figures: name -> [rows] float64, what it was compared by; NaN where there is none.
    """

    removed: np.ndarray
    against: np.ndarray
    figures: dict[str, np.ndarray]


def judged(candidates: Candidates, queries: Judged, passages: Passages) -> Found:
    """Candidates that are judged for their query."""
    width = len(passages.ids)
    owners = np.repeat(np.arange(len(queries.names)), np.diff(queries.dropped_offsets))
    pairs = candidates.owners * width + candidates.passages
    removed = np.isin(pairs, owners * width + queries.dropped)
    return Found(removed, queries.positives[queries.offsets[candidates.owners]], {})


def unknown(candidates: Candidates, queries: Judged, passages: Passages) -> Found:
    """Candidates that the collection lacks."""
    removed = ~passages.known[candidates.passages]
    return Found(removed, queries.positives[queries.offsets[candidates.owners]], {})


def near_duplicates(candidates: Candidates, queries: Judged, passages: Passages, threshold: float) -> Found:
    """Candidates whose word trigrams have at least this Jaccard similarity to those of a positive of their query."""
    similarity, against = similarities(candidates, queries, passages)
    return Found(similarity >= threshold, against, {"similarity": similarity})


def similarities(candidates: Candidates, queries: Judged, passages: Passages) -> tuple[np.ndarray, np.ndarray]:
    """[rows] float64, each candidate's greatest Jaccard similarity to a positive of its query, and that positive."""
    counts = np.diff(queries.offsets)
    mine, bounds = passages.trigrams(candidates.passages)
    sizes = np.diff(bounds)
    # A trigram and its query as one number, so that it is found only among that query's positives.
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
    """[values] bool, whether each of the hashes is one of `wanted`: `np.isin`, several times faster where few are."""
    if not len(wanted):
        return np.zeros(len(values), bool)
    mask = np.uint64((1 << max(16, int(len(wanted)).bit_length() + 6)) - 1)
    table = np.zeros(int(mask) + 1, bool)
    table[wanted & mask] = True
    found = table[values & mask]
    places, wanted = np.flatnonzero(found), np.sort(wanted)
    near = np.minimum(np.searchsorted(wanted, values[places]), len(wanted) - 1)
    found[places] = wanted[near] == values[places]
    return found


class Taught(NamedTuple):
    """A teacher's scores of candidates and of the positives to hold them against.

    Attributes:
        scores: [rows] float64, NaN where the teacher has none.
        positive_scores: [rows] float64, the lowest among those of the query's positives; NaN where it has none.
        against: [rows] int64 number of that positive.
    """

    scores: np.ndarray
    positive_scores: np.ndarray
    against: np.ndarray

    def above_margin(self, margin: float) -> Found:
        """Candidates that score above the positive's score minus `margin`.

        Moreira et al. 2024, "NV-Retriever", section 3: TopK-MarginPos.
        """
        return self._found(self.scores > self.positive_scores - margin)

    def above_share(self, share: float, scale: str) -> Found:
        """Candidates that score above `share` of the positive's score.

        Moreira et al. 2024, section 3: TopK-PercPos, whose scores are cosines. Of logits the sigmoid is compared,
        since a share of a negative number is no bound.

        Raises:
            UserError: raw scores of positives that are not above 0.
        """
        if scale == "raw":
            if (low := self.positive_scores <= 0).any():
                raise UserError(
                    f"--teacher-share {share}: a positive has the score {self.positive_scores[low.argmax()]:.4g}, of "
                    "which a share is no bound; give --teacher-margin, or --teacher-scale logit"
                )
            return self._found(self.scores > share * self.positive_scores)
        with np.errstate(invalid="ignore"):  # where there is no score
            # Logarithms of the sigmoids, which do not saturate.
            mine, positive = -np.logaddexp(0, -self.scores), -np.logaddexp(0, -self.positive_scores)
        return self._found(mine > np.log(share) + positive)

    def _found(self, removed: np.ndarray) -> Found:
        figures = {"teacher_score": self.scores, "positive_score": self.positive_scores}
        return Found(removed, self.against, figures)
