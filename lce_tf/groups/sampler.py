"""Query groups as a pure function of (seed, epoch, query): one positive and n - 1 negatives."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from lce_tf.data.draws import draw
from lce_tf.groups.pool import TrainingPool
from lce_tf.groups.teacher import TeacherScores

# The purpose of a draw is part of its key, so that draws of different kinds are not correlated.
_ORDER, _POSITIVE, _NEGATIVE = 1, 2, 3


class Groups(NamedTuple):
    """A batch of groups, as rows of the token stores.

    Attributes:
        query_rows: [groups] int64.
        passage_rows: [groups, n] int64, the positive in column 0; for single pairs n is 1, see labels.
        labels: [groups, n] float32, 1 for relevant and 0 for not; or a teacher's scores, NaN where it has none.
    """

    query_rows: np.ndarray
    passage_rows: np.ndarray
    labels: np.ndarray


class GroupSampler:
    """Draws the groups of any step. It holds no state, so a restart or another worker draws the same groups.

    The epochs form one endless sequence, each epoch a permutation of the queries: step s takes the groups at positions
    [s * batch, (s + 1) * batch).

    Args:
        pool: the usable queries.
        group: passages per group (n). Ignored for pairs.
        seed: of all draws.
        pairs: draw single labelled pairs instead, positive and negative in turn, each from another query: the paper's
            cross entropy, where "each group only contains one data point".
        replacement: draw negatives with replacement; otherwise a query's negatives are distinct.
        alternating: a positive and the next negative are from the same query, as in the released code.
        teacher: its scores are the labels. Not for pairs.
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
    ):
        self.pool, self.group, self.seed = pool, group, seed
        self.pairs, self.replacement, self.alternating = pairs, replacement, alternating
        self.teacher = teacher
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
        count = pool.positive_offsets[queries + 1] - pool.positive_offsets[queries]
        which = draw(self.seed, _POSITIVE, epochs, keys) % count.astype(np.uint64)
        positives = pool.positive_offsets[queries] + which.astype(np.int64)
        negatives = self._negatives(queries, epochs, keys, n - 1)
        passages = np.column_stack([pool.positives[positives], pool.negatives[negatives]])
        if self.teacher is None:
            labels = np.zeros((len(queries), n), np.float32)
            labels[:, 0] = 1
        else:
            labels = np.column_stack([self.teacher.positives[positives], self.teacher.negatives[negatives]])
        return Groups(pool.query_rows[queries], passages, labels)

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
