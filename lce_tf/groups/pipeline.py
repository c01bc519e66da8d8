"""tf.data: the batches of each step, packed and sliced by length, as a pure function of the step."""

from dataclasses import dataclass

import numpy as np

from lce_tf.groups.sampler import GroupSampler
from lce_tf.tokens.packing import Packer

# Number of pairs in a slice, and the multiple that its width is rounded up to. Small values save padding: with both at
# 8, a batch of 128 MS MARCO pairs has 1.10 times its real wordpieces; with both at 16, 1.22 times. Large values make
# products efficient. A batch that would have more than ENOUGH_SLICES slices gets larger ones, since the compiler sees
# each slice as another copy of the model.
FEWEST_PAIRS, MOST_PAIRS, ENOUGH_SLICES, MULTIPLE = 8, 16, 16, 8


@dataclass(frozen=True)
class BatchShape:
    """The shape of one replica's batches.

    Attributes:
        groups: groups (or single pairs) per step on one replica.
        members: passages per group.
        slices: number of slices. The batch's pairs are sorted by length and cut into slices, and each slice is padded
            to its own longest pair. This saves padding and changes nothing else, since pairs may come in any order.
        multiple: each slice's width is rounded up to a multiple of this many wordpieces, so that few shapes occur.
        windows: number of windows per passage. Each window is scored as its own pair. A passage with fewer windows is
            padded with empty pairs, which are masked out.
        width: width of all slices in wordpieces, for a TPU, which compiles for one shape; None: each slice has its own.
    """

    groups: int
    members: int
    slices: int
    multiple: int = MULTIPLE
    windows: int = 1
    width: int | None = None

    @classmethod
    def of(
        cls,
        groups: int,
        members: int,
        pairs_a_slice: int | None = None,
        multiple: int = MULTIPLE,
        windows: int = 1,
        width: int | None = None,
    ) -> "BatchShape":
        """As few slices as possible with at most `pairs_a_slice` pairs each; None: chosen by the batch's size."""
        pairs = groups * members * windows
        if pairs_a_slice is None:
            pairs_a_slice = min(max(-(-pairs // ENOUGH_SLICES), FEWEST_PAIRS), MOST_PAIRS)
        return cls(groups, members, -(-pairs // pairs_a_slice), multiple, windows, width)

    @property
    def pairs(self) -> int:
        """Pairs per step on one replica."""
        return self.groups * self.members * self.windows

    @property
    def rows(self) -> list[int]:
        """Number of pairs in each slice, shortest pairs first; the numbers differ by at most one."""
        return [len(part) for part in np.array_split(np.arange(self.pairs), self.slices)]


class TrainingBatches:
    """Draws and packs the batch of any step; holds no state."""

    def __init__(self, sampler: GroupSampler, packer: Packer, shape: BatchShape, replicas: int = 1):
        self.sampler, self.packer, self.shape, self.replicas = sampler, packer, shape, replicas

    def batch(self, step: int, replica: int = 0) -> tuple[np.ndarray, ...]:
        """One replica's share of a step.

        Returns:
            labels: [groups, members] float32.
            order: [groups * members * windows] int32; pair i of the group matrix, in which the windows of a passage are
                adjacent, is row `order[i]` of the concatenated slices; -1 for a window that the passage does not have.
            then for each slice: input_ids [rows, length] int32, type_0_lengths and lengths [rows] int32.
        """
        dealt, pairs, by_length = self._dealt(step, replica)
        order = np.empty(len(by_length), np.int32)
        order[by_length] = np.arange(len(by_length), dtype=np.int32)
        windows = np.arange(self.shape.windows)
        order[(windows >= self.packer.counts(dealt.passage_rows.ravel())[:, None]).ravel()] = -1
        parts = [dealt.labels, order]
        for rows in np.array_split(by_length, self.shape.slices):
            queries, passages = (column[rows] for column in pairs)
            parts += self.packer.pack_to(queries, passages, self._width(pairs, rows))
        return tuple(parts)

    def slices(self, step: int, replica: int = 0) -> list[tuple[int, int]]:
        """(pairs, length) of each slice of one replica's share of a step, without packing it."""
        _, pairs, by_length = self._dealt(step, replica)
        parts = np.array_split(by_length, self.shape.slices)
        return [(len(rows), self._width(pairs, rows)) for rows in parts]

    def _dealt(self, step: int, replica: int):
        """The groups, their pairs as (query rows, passage rows), and the pairs' order by length."""
        first = (step * self.replicas + replica) * self.shape.groups
        dealt = self.sampler.at(np.arange(first, first + self.shape.groups))
        windows = np.arange(self.shape.windows)
        queries = np.repeat(dealt.query_rows, self.shape.members * len(windows))
        passages = (dealt.passage_rows.reshape(-1, 1) * len(windows) + windows).ravel()
        by_length = np.argsort(sum(self.packer.measure(queries, passages)), kind="stable")
        return dealt, (queries, passages), by_length

    def _width(self, pairs: tuple[np.ndarray, np.ndarray], rows: np.ndarray) -> int:
        """The length in wordpieces that a slice of these pairs is padded to."""
        return self.shape.width or self.packer.width(*(column[rows] for column in pairs), self.shape.multiple)

    def dataset(self, first_step: int, last_step: int, replicas: list[int] | None = None):
        """A tf.data.Dataset of `batch(...)` for steps [first_step, last_step); the replicas of each step follow in
        turn.

        Args:
            replicas: global numbers of the replicas fed from this host; None: all.
        """
        import tensorflow as tf

        replicas = list(range(self.replicas)) if replicas is None else replicas
        kinds = [tf.float32, tf.int32] + [tf.int32] * (3 * self.shape.slices)
        shapes = [[self.shape.groups, self.shape.members], [self.shape.pairs]]
        for rows in self.shape.rows:
            shapes += [[rows, self.shape.width], [rows], [rows]]
        return streamed(self.batch, first_step, last_step, replicas, kinds, shapes)


def streamed(batch, first_step: int, last_step: int, replicas: list[int], kinds: list, shapes: list):
    """A tf.data.Dataset of `batch(step, replica)` for steps [first_step, last_step); the replicas of each step follow
    in turn.

    Args:
        kinds, shapes: dtype and shape of each array of a batch; None in a shape for an axis that varies.
    """
    import tensorflow as tf

    def load(number):
        parts = tf.numpy_function(
            lambda n: batch(int(n) // len(replicas), replicas[int(n) % len(replicas)]), [number], kinds
        )
        for part, shape in zip(parts, shapes, strict=True):
            part.set_shape(shape)
        return tuple(parts)

    numbers = tf.data.Dataset.range(first_step * len(replicas), last_step * len(replicas))
    # Two calls in parallel keep the device busy; the order of the steps is kept.
    return numbers.map(load, num_parallel_calls=2, deterministic=True).prefetch(4)
