"""Query groups as a pure function of (seed, epoch, query): a positive, or some, or none, and else negatives."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from lce_tf.data.draws import draw
from lce_tf.groups.pool import TrainingPool
from lce_tf.groups.teacher import TeacherScores

# What a draw is for is part of its key, so that no two kinds of draw are correlated.
# 4 is the dropout masks'.
_ORDER, _POSITIVE, _NEGATIVE, _FURTHER = 1, 2, 3, 5


class Groups(NamedTuple):
    """A batch of groups, as rows of the token stores.

    Attributes:
        query_rows: [groups] int64.
        passage_rows: [groups, n] int64, the positive in column 0 and further ones after it (for single pairs, n is 1
            and labels tell).
        labels: [groups, n] float32, 1 for relevant and 0 for not; or grades; or a teacher's scores, NaN where it has
            none.
    """

    query_rows: np.ndarray
    passage_rows: np.ndarray
    labels: np.ndarray


class GroupSampler:
    """Draws the groups of any step. It holds no state, so a restart or another worker draws the same groups.

    The epochs form one endless sequence, each epoch a permutation of the queries: step s takes the groups at positions
    [s * batch, (s + 1) * batch).

    Args:
        pool: the usable queries; of one without positives, all n passages are drawn from the candidates.
        group: passages a group (n). Ignored for pairs.
        seed: of all draws.
        pairs: draw single labelled pairs instead, positive and negative in turn, each from another query: the paper's
            cross entropy, where "each group only contains one data point".
        replacement: draw negatives with replacement; otherwise a query's negatives are distinct.
        alternating: a positive and the next negative are from the same query, as in the released code.
        teacher: its scores are the labels. Not for pairs.
        positives: positives a group at most, distinct, as far as the query has so many; one place is left for a
            negative. The first positive and the negatives after the last are the same whatever the number. Not for
            pairs.
        grades: the judgments' grades are the labels, where no teacher's scores are.
    """

    def __init__(
        self,
        pool: TrainingPool,
        group: int,
        seed: int,
        pairs: bool = False,
        replacement: bool = False,
        alternating: bool = False,
        teacher: TeacherScores | None = None,
        positives: int = 1,
        grades: bool = False,
    ):
        self.pool, self.group, self.seed = pool, group, seed
        self.pairs, self.replacement, self.alternating = pairs, replacement, alternating
        self.teacher, self.positives, self.grades = teacher, positives, grades
        self._order = lru_cache(maxsize=2)(self._order_of)

    def step(self, step: int, batch: int) -> Groups:
        """The `batch` groups of a step, counted from 0."""
        return self.at(np.arange(step * batch, (step + 1) * batch))

    def at(self, positions: np.ndarray) -> Groups:
        """The groups at positions of the endless sequence of epochs."""
        examples = positions // 2 if self.pairs and self.alternating else positions
        epochs, places = np.divmod(examples, len(self.pool))
        chosen = np.empty(len(positions), np.int64)
        for epoch in np.unique(epochs):
            here = epochs == epoch
            chosen[here] = self._order(int(epoch))[places[here]]
        if not self.pairs:
            return self.of(chosen, epochs)
        dealt = self.of(chosen, epochs, group=2)
        positive = positions % 2 == 0
        passages = np.where(positive, dealt.passage_rows[:, 0], dealt.passage_rows[:, 1])
        return Groups(dealt.query_rows, passages[:, None], positive[:, None].astype(np.float32))

    def of(self, queries: np.ndarray, epochs: np.ndarray, group: int | None = None) -> Groups:
        """The groups of given queries (indices into the pool) in given epochs."""
        pool, n = self.pool, group or self.group
        keys = pool.query_keys[queries]
        if not len(pool.positives):
            positives = np.zeros((len(queries), 0), np.int64)
            negatives = self._negatives(queries, epochs, keys, n)
        else:
            positives = self._positives(queries, epochs, keys, max(1, min(self.positives, n - 1)))
            negatives = self._negatives(queries, epochs, keys, n - 1)
        passages = _laid(positives, negatives, pool.positives, pool.negatives)
        if self.teacher is None:
            labels = np.zeros((len(queries), n), np.float32)
            columns, there = labels[:, : positives.shape[1]], positives >= 0
            graded = self.grades and pool.grades is not None
            columns[there] = pool.grades[positives[there]] if graded else 1
        else:
            labels = _laid(positives, negatives, self.teacher.positives, self.teacher.negatives)
        return Groups(pool.query_rows[queries], passages.astype(np.int64, copy=False), labels)

    def _positives(self, queries, epochs, keys, count) -> np.ndarray:
        """[queries, count] places in `pool.positives`, -1 where the query has no more."""
        starts = self.pool.positive_offsets[queries]
        sizes = self.pool.positive_offsets[queries + 1] - starts
        which = (draw(self.seed, _POSITIVE, epochs, keys) % sizes.astype(np.uint64)).astype(np.int64)
        chosen = np.full((len(queries), count), -1)
        chosen[:, 0] = starts + which
        width = min(int(sizes.max()), count)
        if width > 1:
            # The first is chosen; of the others, those with the smallest random numbers.
            places = np.arange(int(sizes.max()))
            numbers = draw(self.seed, _FURTHER, epochs[:, None], keys[:, None], places)
            numbers[(places >= sizes[:, None]) | (places == which[:, None])] = np.iinfo(np.uint64).max
            further = np.argsort(numbers, axis=1, kind="stable")[:, : width - 1]
            there = np.arange(1, width) < sizes[:, None]
            chosen[:, 1:width] = np.where(there, starts[:, None] + further, -1)
        return chosen

    def _negatives(self, queries, epochs, keys, count) -> np.ndarray:
        """[queries, count] positions in `pool.negatives`."""
        starts = self.pool.negative_offsets[queries]
        sizes = self.pool.negative_offsets[queries + 1] - starts
        if not count:
            return np.zeros((len(queries), 0), np.int64)
        epochs, keys = epochs[:, None], keys[:, None]
        again = draw(self.seed, _NEGATIVE, epochs, keys, np.arange(count)) % sizes.astype(np.uint64)[:, None]
        again = starts[:, None] + again.astype(np.int64)
        if self.replacement:
            return again
        # Every candidate gets a random number and the smallest are drawn: a sample without replacement. A candidate's
        # number depends only on the seed, the epoch, the query and the candidate's position in the list.
        places = np.arange(max(int(sizes.max()), count))
        numbers = draw(self.seed, _NEGATIVE, epochs, keys, places)
        numbers[places >= sizes[:, None]] = np.iinfo(np.uint64).max
        smallest = np.argpartition(numbers, count - 1, axis=1)[:, :count]
        smallest = np.take_along_axis(smallest, np.argsort(np.take_along_axis(numbers, smallest, 1), axis=1), 1)
        # The pool admits lists that are too short only if drawing with replacement is allowed.
        return np.where((sizes < count)[:, None], again, starts[:, None] + smallest)

    def _order_of(self, epoch: int) -> np.ndarray:
        return np.argsort(draw(self.seed, _ORDER, epoch, self.pool.query_keys), kind="stable")


def _laid(positives, negatives, of_positives: np.ndarray, of_negatives: np.ndarray) -> np.ndarray:
    """[queries, n] values of the passages at these places: the positives', then those of as many negatives as fit.

    Args:
        positives: [queries, some] places, -1 for none.
        negatives: [queries, n less one] places; [queries, n] where no positives are.
    """
    values = of_negatives[negatives]
    if not positives.shape[1]:
        return values
    values = np.column_stack([of_positives[positives[:, 0]], values])
    columns = values[:, : positives.shape[1]]
    columns[positives >= 0] = of_positives[positives[positives >= 0]]
    return values
