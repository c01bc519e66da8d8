"""tf.data: the batches of each step as a pure function of the step, and their layout in slices of similar length."""

import abc
from typing import NamedTuple

import numpy as np

from lce_tf.data.draws import dropout_seed
from lce_tf.groups.sampler import GroupSampler
from lce_tf.tokens.packing import Packer, PaddedPairs

# Number of pairs in a slice, and the multiple that its width is rounded up to. Small values save padding: with both at
# 8, a batch of 128 MS MARCO pairs has 1.10 times its real wordpieces; with both at 16, 1.22 times. Large values make
# products efficient. A batch that would have more than ENOUGH_SLICES slices gets larger ones, since the compiler sees
# each slice as another copy of the model.
FEWEST_PAIRS, MOST_PAIRS, ENOUGH_SLICES, MULTIPLE = 8, 16, 16, 8


class Batch(NamedTuple):
    """One replica's share of a step.

    Attributes:
        labels: [groups, members] float32, see `Groups`.
        order: [pairs] int32: pair i of the groups is the `order[i]`-th pair that is computed; -1 for a window that its
            passage does not have. The windows of a member are adjacent, and so are the members of a group.
        pairs: as the layout packs them: `PaddedPairs` for each slice, or `PackedPairs` with an axis of parts in front.
        dropout_seed: the step's part of the seed of its dropout masks.
    """

    labels: np.ndarray
    order: np.ndarray
    pairs: tuple
    dropout_seed: np.ndarray


class Drawn(NamedTuple):
    """The pairs of one replica's share of a step, before they are packed.

    Attributes:
        labels: as in `Batch`.
        query_rows, passage_rows: [pairs] int64, as `Packer.pack` takes them.
        lengths: [pairs] int64, wordpieces of each pair.
        missing: [pairs] bool, whether the passage is too short to have this window.
    """

    labels: np.ndarray
    query_rows: np.ndarray
    passage_rows: np.ndarray
    lengths: np.ndarray
    missing: np.ndarray


class Batches(abc.ABC):
    """Draws and packs the batch of any step; holds no state.

    Subclasses are the layouts: `SlicedBatches` and `PackedBatches`.

    Args:
        sampler: draws the groups.
        packer: packs their pairs.
        groups: groups (or single pairs) per step on one replica.
        replicas: number of replicas that share a step.

    Attributes:
        pairs: pairs per step on one replica. Each window of a passage is scored as its own pair. A passage with fewer
            windows is padded with empty pairs, which are masked out.
        integers: dtype of whole numbers in the dataset.
    """

    integers = "int32"

    def __init__(self, sampler: GroupSampler, packer: Packer, groups: int, replicas: int = 1):
        self.sampler, self.packer, self.groups, self.replicas = sampler, packer, groups, replicas
        self.pairs = groups * sampler.members * packer.lengths.windows

    def batch(self, step: int, replica: int = 0) -> Batch:
        """One replica's share of a step."""
        drawn, computed, pairs = self._packed(step, replica)
        order = np.empty(self.pairs, np.int32)
        order[computed] = np.arange(self.pairs, dtype=np.int32)
        order[drawn.missing] = -1
        return Batch(drawn.labels, order, pairs, np.int64(dropout_seed(self.sampler.seed, step)))

    def drawn(self, step: int, replica: int = 0) -> Drawn:
        """The pairs of one replica's share of a step."""
        first, windows = (step * self.replicas + replica) * self.groups, np.arange(self.packer.lengths.windows)
        dealt = self.sampler.at(np.arange(first, first + self.groups))
        queries = np.repeat(dealt.query_rows, self.sampler.members * len(windows))
        passages = (dealt.passage_rows.reshape(-1, 1) * len(windows) + windows).ravel()
        missing = (windows >= self.packer.counts(dealt.passage_rows.ravel())[:, None]).ravel()
        return Drawn(dealt.labels, queries, passages, self.packer.pair_lengths(queries, passages), missing)

    def dataset(self, first_step: int, last_step: int, replicas: list[int] | None = None):
        """A tf.data.Dataset of `batch(...)` for steps [first_step, last_step); the replicas of each step follow in
        turn.

        Args:
            replicas: global numbers of the replicas fed from this host; None: all.
        """
        import tensorflow as tf

        def whole(*shape):
            return tf.TensorSpec(shape, self.integers)

        labels = tf.TensorSpec([self.groups, self.sampler.members])
        spec = Batch(labels, whole(self.pairs), self._pairs_spec(whole), whole())
        each, replicas = tf.nest.flatten(spec), list(range(self.replicas)) if replicas is None else replicas

        def arrays(number: np.ndarray) -> list[np.ndarray]:
            step, which = divmod(int(number), len(replicas))
            found = tf.nest.flatten(self.batch(step, replicas[which]))
            return [np.asarray(part, one.dtype.as_numpy_dtype) for part, one in zip(found, each, strict=True)]

        def load(number):
            parts = tf.numpy_function(arrays, [number], [one.dtype for one in each])
            for part, one in zip(parts, each, strict=True):
                part.set_shape(one.shape)
            return tf.nest.pack_sequence_as(spec, parts)

        numbers = tf.data.Dataset.range(first_step * len(replicas), last_step * len(replicas))
        # Two calls in parallel keep the device busy; the order of the steps is kept.
        return numbers.map(load, num_parallel_calls=2, deterministic=True).prefetch(4)

    @abc.abstractmethod
    def _packed(self, step: int, replica: int) -> tuple[Drawn, np.ndarray, tuple]:
        """The pairs drawn; [pairs] which of them is computed first, second, ...; and `Batch.pairs`."""

    @abc.abstractmethod
    def _pairs_spec(self, whole) -> tuple:
        """The tf.TensorSpecs of `Batch.pairs`; `whole(*shape)` is one of whole numbers."""


class SlicedBatches(Batches):
    """Batches whose pairs are sorted by length and cut into slices, each padded to its own longest pair.

    This saves padding and changes nothing else, since pairs may come in any order.

    Args:
        sampler, packer, groups, replicas: see `Batches`.
        slices: number of slices; None: as `slices_of` chooses.
        multiple: each slice's width is rounded up to a multiple of this many wordpieces, so that few shapes occur.
        width: width of all slices in wordpieces, for a TPU, which compiles for one shape; None: each slice has its own.
    """

    def __init__(
        self,
        sampler: GroupSampler,
        packer: Packer,
        groups: int,
        replicas: int = 1,
        slices: int | None = None,
        multiple: int = MULTIPLE,
        width: int | None = None,
    ):
        super().__init__(sampler, packer, groups, replicas)
        self.slices, self.multiple, self.width = slices or slices_of(self.pairs), multiple, width

    @property
    def rows(self) -> list[int]:
        """Number of pairs in each slice; the numbers differ by at most one."""
        return [len(part) for part in np.array_split(np.arange(self.pairs), self.slices)]

    def shapes(self, step: int, replica: int = 0) -> list[tuple[int, int]]:
        """(pairs, width) of each slice of one replica's share of a step, without packing it."""
        return [(len(at), width) for at, width in self._cut(self.drawn(step, replica).lengths)]

    def _cut(self, lengths: np.ndarray) -> list[tuple[np.ndarray, int]]:
        """(which pairs, the width that they are padded to) of each slice, the shortest pairs first."""
        slices = np.array_split(np.argsort(lengths, kind="stable"), self.slices)
        return [(at, self.width or self.packer.width(lengths[at], self.multiple)) for at in slices]

    def _packed(self, step, replica):
        drawn = self.drawn(step, replica)
        cut = self._cut(drawn.lengths)
        slices = (self.packer.pack_to(drawn.query_rows[at], drawn.passage_rows[at], width) for at, width in cut)
        return drawn, np.concatenate([at for at, _ in cut]), tuple(slices)

    def _pairs_spec(self, whole):
        return tuple(PaddedPairs(whole(rows, self.width), whole(rows), whole(rows)) for rows in self.rows)


def slices_of(pairs: int, pairs_a_slice: int | None = None) -> int:
    """The fewest slices with at most `pairs_a_slice` pairs each; None: chosen by the number of pairs."""
    if pairs_a_slice is None:
        pairs_a_slice = min(max(-(-pairs // ENOUGH_SLICES), FEWEST_PAIRS), MOST_PAIRS)
    return -(-pairs // pairs_a_slice)
