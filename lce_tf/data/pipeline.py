"""tf.data: the batches of each step, packed and cut by length, as a pure function of the step."""

from dataclasses import dataclass

import numpy as np

from lce_tf.data.groups import GroupSampler
from lce_tf.data.packing import Packer


@dataclass(frozen=True)
class BatchShape:
    """The shape of one replica's batches.

    Attributes:
        groups: groups (or single pairs) per step on one replica.
        members: passages a group.
        slices: the batch's pairs, sorted by length, are cut into this many slices, each padded to its own longest
            pair only. The order inside a batch is free, so this costs nothing and saves the padding.
        multiple: slices are padded to a multiple of this many wordpieces, so that few shapes occur.
    """

    groups: int
    members: int
    slices: int
    multiple: int = 16

    @classmethod
    def of(cls, groups: int, members: int, pairs_a_slice: int = 16, multiple: int = 16) -> "BatchShape":
        """Slices of at most `pairs_a_slice` pairs, as few as will do."""
        return cls(groups, members, -(-groups * members // pairs_a_slice), multiple)

    @property
    def rows(self) -> list[int]:
        """Pairs in each slice, which differ by one at most, the shortest pairs first."""
        return [len(part) for part in np.array_split(np.arange(self.groups * self.members), self.slices)]


class TrainingBatches:
    """Deals and packs the batches of any step; holds no state."""

    def __init__(self, sampler: GroupSampler, packer: Packer, shape: BatchShape, replicas: int = 1):
        self.sampler, self.packer, self.shape, self.replicas = sampler, packer, shape, replicas

    def batch(self, step: int, replica: int = 0) -> tuple[np.ndarray, ...]:
        """One replica's share of a step.

        Returns:
            labels: [groups, members] float32.
            order: [groups * members] int32; pair i of the group matrix is row `order[i]` of the slices' rows.
            then for each slice: input_ids [rows, length] int32, query_lengths and lengths [rows] int32.
        """
        first = (step * self.replicas + replica) * self.shape.groups
        dealt = self.sampler.at(np.arange(first, first + self.shape.groups))
        queries = np.repeat(dealt.query_rows, self.shape.members)
        passages = dealt.passage_rows.ravel()
        by_length = np.argsort(sum(self.packer.measure(queries, passages)), kind="stable")
        order = np.empty(len(by_length), np.int32)
        order[by_length] = np.arange(len(by_length), dtype=np.int32)
        parts = [dealt.labels, order]
        for rows in np.array_split(by_length, self.shape.slices):
            parts += self.packer.pack(queries[rows], passages[rows], self.shape.multiple)
        return tuple(parts)

    def dataset(self, first_step: int, last_step: int, replicas: list[int] | None = None):
        """A tf.data.Dataset of `batch(...)` for steps [first_step, last_step), the given replicas by turns.

        Args:
            replicas: the global numbers of the replicas fed from this host, all of them by default.
        """
        import tensorflow as tf

        replicas = list(range(self.replicas)) if replicas is None else replicas
        pairs = self.shape.groups * self.shape.members
        kinds = [tf.float32, tf.int32] + [tf.int32] * (3 * self.shape.slices)
        shapes = [[self.shape.groups, self.shape.members], [pairs]]
        for rows in self.shape.rows:
            shapes += [[rows, None], [rows], [rows]]

        def load(number):
            parts = tf.numpy_function(
                lambda n: self.batch(int(n) // len(replicas), replicas[int(n) % len(replicas)]), [number], kinds
            )
            for part, shape in zip(parts, shapes, strict=True):
                part.set_shape(shape)
            return tuple(parts)

        numbers = tf.data.Dataset.range(first_step * len(replicas), last_step * len(replicas))
        # Two at a time keep the device fed; the order stays that of the steps.
        return numbers.map(load, num_parallel_calls=2, deterministic=True).prefetch(4)
