"""Draws training groups (positives and negatives of a query) as a pure function of (seed, epoch, query)."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from lce_tf.data.draws import FURTHER_POSITIVES, GROUP_ORDER, NEGATIVE, POSITIVE, draw
from lce_tf.groups.pool import TrainingPool
from lce_tf.groups.teacher import TeacherScores


class Groups(NamedTuple):
    """A batch of groups, as rows of the token stores.

    Attributes:
        query_rows: [groups] int64.
        passage_rows: [groups, n] int64, the positive in column 0, further positives after it, then the negatives. For
            single pairs n is 1, and the label says whether the passage is the positive.
        labels: [groups, n] float32: 1 for positives and 0 for negatives; or the positives' grades; or a teacher's
            scores, NaN for passages that it has not scored.
    """

    query_rows: np.ndarray
    passage_rows: np.ndarray
    labels: np.ndarray


class GroupSampler:
    """Draws the groups of any step. It holds no state, so a restart or another worker draws the same groups.

    The epochs form one endless sequence, and each epoch is a permutation of the queries. Step s takes the groups at
    positions [s * batch, (s + 1) * batch).

    Args:
        pool: the usable queries. If the pool has no positives, all n passages are drawn from the candidates.
        group: passages per group (n). Ignored for pairs.
        seed: seed of all draws.
        pairs: draw single labelled pairs instead, alternately a positive and a negative, each of another query. This is
            for the paper's cross entropy, where "each group only contains one data point".
        replacement: draw negatives with replacement; otherwise the negatives of a group are distinct, unless the query
            has fewer than the group needs.
        alternating: for pairs, draw a positive and the next negative from the same query, as in the released code.
        teacher: scores to use as labels. Not for pairs.
        positives: maximum number of positives per group. A group has as many distinct positives as the query has, up to
            this number and to n - 1, so that it has at least one negative. The number changes neither the first
            positive nor the negatives in the columns that still hold negatives. Not for pairs.
        grades: use the judgments' grades as the positives' labels, unless there is a teacher.

    Attributes:
        members: passages per group that are drawn: n, or 1 for pairs.
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
        self.members = 1 if pairs else group
        self._order = lru_cache(maxsize=2)(self._order_of)

    def step(self, step: int, batch: int) -> Groups:
        """The `batch` groups of a step; the first step is 0."""
        return self.at(np.arange(step * batch, (step + 1) * batch))

    def at(self, positions: np.ndarray) -> Groups:
        """The groups at these positions, [groups] int64, of the endless sequence of epochs."""
        examples = positions // 2 if self.pairs and self.alternating else positions
        epochs, ranks = np.divmod(examples, len(self.pool))
        chosen = np.empty(len(positions), np.int64)
        for epoch in np.unique(epochs):
            here = epochs == epoch
            chosen[here] = self._order(int(epoch))[ranks[here]]
        if not self.pairs:
            return self.of(chosen, epochs)
        dealt = self.of(chosen, epochs, group=2)
        positive = positions % 2 == 0
        passages = np.where(positive, dealt.passage_rows[:, 0], dealt.passage_rows[:, 1])
        return Groups(dealt.query_rows, passages[:, None], positive[:, None].astype(np.float32))

    def of(self, queries: np.ndarray, epochs: np.ndarray, group: int | None = None) -> Groups:
        """The groups of given queries in given epochs.

        Args:
            queries: [groups] int64 indices into the pool.
            epochs: [groups] int64.
            group: passages per group; None: as given to the constructor.
        """
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
        """[queries, count] indices into `pool.positives`, -1 in the last columns if the query has fewer positives."""
        starts = self.pool.positive_offsets[queries]
        sizes = self.pool.positive_offsets[queries + 1] - starts
        which = (draw(self.seed, POSITIVE, epochs, keys) % sizes.astype(np.uint64)).astype(np.int64)
        chosen = np.full((len(queries), count), -1)
        chosen[:, 0] = starts + which
        width = min(int(sizes.max()), count)
        if width > 1:
            # The first positive is drawn above; of the others, those with the smallest random numbers are taken.
            indices = np.arange(int(sizes.max()))
            numbers = draw(self.seed, FURTHER_POSITIVES, epochs[:, None], keys[:, None], indices)
            numbers[(indices >= sizes[:, None]) | (indices == which[:, None])] = np.iinfo(np.uint64).max
            further = np.argsort(numbers, axis=1, kind="stable")[:, : width - 1]
            there = np.arange(1, width) < sizes[:, None]
            chosen[:, 1:width] = np.where(there, starts[:, None] + further, -1)
        return chosen

    def _negatives(self, queries, epochs, keys, count) -> np.ndarray:
        """[queries, count] indices into `pool.negatives`."""
        starts = self.pool.negative_offsets[queries]
        sizes = self.pool.negative_offsets[queries + 1] - starts
        if not count:
            return np.zeros((len(queries), 0), np.int64)
        epochs, keys = epochs[:, None], keys[:, None]
        again = draw(self.seed, NEGATIVE, epochs, keys, np.arange(count)) % sizes.astype(np.uint64)[:, None]
        again = starts[:, None] + again.astype(np.int64)
        if self.replacement:
            return again
        # Every candidate gets a random number and the smallest are drawn: a sample without replacement. A candidate's
        # number depends only on the seed, the epoch, the query and the candidate's index in the list.
        indices = np.arange(max(int(sizes.max()), count))
        numbers = draw(self.seed, NEGATIVE, epochs, keys, indices)
        numbers[indices >= sizes[:, None]] = np.iinfo(np.uint64).max
        smallest = np.argpartition(numbers, count - 1, axis=1)[:, :count]
        smallest = np.take_along_axis(smallest, np.argsort(np.take_along_axis(numbers, smallest, 1), axis=1), 1)
        # The pool admits lists that are too short only if drawing with replacement is allowed.
        return np.where((sizes < count)[:, None], again, starts[:, None] + smallest)

    def _order_of(self, epoch: int) -> np.ndarray:
        return np.argsort(draw(self.seed, GROUP_ORDER, epoch, self.pool.query_keys), kind="stable")


def _laid(positives, negatives, of_positives: np.ndarray, of_negatives: np.ndarray) -> np.ndarray:
    """[queries, n] values (rows or scores) of the drawn passages, positives first.

    Column 0 is the first positive, and the negatives fill columns 1 to n - 1. Further positives then replace the
    negatives in their columns.

    Args:
        positives: [queries, columns] indices into `of_positives`, -1 for none; no column if groups have no positives.
        negatives: [queries, n - 1] indices into `of_negatives`; [queries, n] if groups have no positives.
        of_positives, of_negatives: the values of the pool's positives and negatives.
    """
    values = of_negatives[negatives]
    if not positives.shape[1]:
        return values
    values = np.column_stack([of_positives[positives[:, 0]], values])
    columns = values[:, : positives.shape[1]]
    columns[positives >= 0] = of_positives[positives[positives >= 0]]
    return values
