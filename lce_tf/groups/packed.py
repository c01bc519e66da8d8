"""tf.data: the batches of each step, several pairs per row, in one of a few static shapes."""

import itertools
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lce_tf.data.draws import dropout_seed
from lce_tf.groups.pipeline import streamed
from lce_tf.groups.sampler import GroupSampler
from lce_tf.tokens.packing import Packer
from lce_tf.tokens.rows import LENGTH_MULTIPLE, rounded, starts_of

# The sizes are chosen from the lengths of the first LOOKED_AT steps. The largest size exceeds the largest need seen by
# HEADROOM times the spread (max - min) of the needs.
LOOKED_AT, HEADROOM = 256, 0.25
# Largest number of sizes; each is compiled as its own program.
MOST_SIZES = 3


@dataclass(frozen=True)
class PackedShape:
    """The static shape of one replica's batches.

    Attributes:
        groups: groups (or single pairs) per step on one replica.
        members: passages per group.
        parts: number of parts that the batch is computed in, all with the same number of pairs.
        width: wordpieces per row; None: the pairs of a part follow one another without rows.
        sizes: possible numbers of wordpieces of a part, padding included, ascending; a batch takes the smallest that
            holds it.
        windows: number of windows per passage. Each window is scored as its own pair. A passage with fewer windows is
            padded with empty pairs, which are masked out.
    """

    groups: int
    members: int
    parts: int
    width: int | None
    sizes: tuple[int, ...]
    windows: int = 1

    @property
    def pairs(self) -> int:
        """Pairs per step on one replica."""
        return self.groups * self.members * self.windows


class PackedBatches:
    """Draws and packs the batch of any step; holds no state."""

    def __init__(self, sampler: GroupSampler, packer: Packer, shape: PackedShape, replicas: int = 1):
        self.sampler, self.packer, self.shape, self.replicas = sampler, packer, shape, replicas
        # The batch of every replica asks for those of all replicas of its step, and two steps are made at once.
        self._laid_out = lru_cache(maxsize=4 * replicas)(self._laid)

    @classmethod
    def planned(
        cls,
        sampler: GroupSampler,
        packer: Packer,
        groups: int,
        members: int,
        replicas: int,
        windows: int,
        width: int | None,
        room: int,
        steps: int,
    ) -> "PackedBatches":
        """Batches whose parts hold at most about `room` wordpieces, with sizes chosen from the lengths of the first
        steps.

        Args:
            width: see `PackedShape`.
            room: wordpieces per part; a part is never smaller than the longest pair.
            steps: number of steps of the whole training.
        """
        pairs = groups * members * windows
        whole = cls(sampler, packer, PackedShape(groups, members, 1, width, (0,), windows), replicas)
        looked_at = range(min(LOOKED_AT, steps))
        longest = packer.lengths.sequence if width is None else width
        totals = [int(whole._dealt(step, 0)[2].sum()) for step in looked_at]
        fewest = max(1, -(-max(totals) // max(room, longest)))
        parts = next(parts for parts in range(fewest, pairs + 1) if pairs % parts == 0)
        whole.shape = PackedShape(groups, members, parts, width, (0,), windows)
        needs = np.array([whole._need(step, replica) for step in looked_at for replica in range(replicas)])
        return cls(sampler, packer, PackedShape(groups, members, parts, width, _sizes(needs, width), windows), replicas)

    def batch(self, step: int, replica: int = 0) -> tuple[np.ndarray, ...]:
        """One replica's share of a step.

        Returns:
            labels: [groups, members] float32.
            order: [groups * members * windows] int32; pair i of the group matrix, in which the windows of a passage are
                adjacent, is pair `order[i]` of the concatenated parts; -1 for a window that the passage does not have.
            then the columns of `PackedPairs` for all parts: two of [parts, wordpieces], four of [parts, pairs per part].
        """
        dealt, columns, chosen, starts_and_sizes = self._laid_out(step, replica)
        # All replicas have the same size, since each combination of sizes would be traced.
        size = self._size(max(self._need(step, other) for other in range(self.replicas)))
        parts = [
            self.packer.pack_at(*(column[rows] for column in columns), rows + replica * self.shape.pairs, starts, size)
            for rows, (starts, _) in zip(chosen, starts_and_sizes, strict=True)
        ]
        slots = np.concatenate(chosen)
        order = np.empty(len(slots), np.int32)
        order[slots] = np.arange(len(slots), dtype=np.int32)
        windows = np.arange(self.shape.windows)
        order[(windows >= self.packer.counts(dealt.passage_rows.ravel())[:, None]).ravel()] = -1
        return dealt.labels, order, *(np.stack(column) for column in zip(*parts, strict=True))

    def efficiency(self, steps: int = 32) -> float:
        """Share of real wordpieces among the computed ones in the first steps."""
        real = computed = 0
        for step in range(steps):
            _, _, lengths = self._dealt(step, 0)
            real += int(lengths.sum())
            computed += self._size(self._need(step, 0)) * self.shape.parts
        return real / computed

    def _dealt(self, step: int, replica: int):
        """The groups, their pairs as (query rows, passage rows), and the lengths of the pairs."""
        first = (step * self.replicas + replica) * self.shape.groups
        dealt = self.sampler.at(np.arange(first, first + self.shape.groups))
        windows = np.arange(self.shape.windows)
        queries = np.repeat(dealt.query_rows, self.shape.members * len(windows))
        passages = (dealt.passage_rows.reshape(-1, 1) * len(windows) + windows).ravel()
        return dealt, (queries, passages), self.packer.pair_lengths(queries, passages)

    def _chosen(self, lengths: np.ndarray) -> list[np.ndarray]:
        """The pairs of each part, assigned in alternating order of length so that the parts are about equally long."""
        parts = self.shape.parts
        if parts == 1:
            return [np.arange(len(lengths))]
        rounds = np.argsort(-lengths, kind="stable").reshape(-1, parts)
        rounds[1::2] = rounds[1::2, ::-1]
        return list(np.sort(rounds.T, axis=1))

    def _laid(self, step: int, replica: int):
        """The groups, their pairs, which of these each part has, and per part their positions and the size needed."""
        dealt, columns, lengths = self._dealt(step, replica)
        chosen = self._chosen(lengths)
        return dealt, columns, chosen, [starts_of(lengths[rows], self.shape.width) for rows in chosen]

    def _need(self, step: int, replica: int) -> int:
        """Wordpieces that a replica's largest part needs."""
        return max(need for _, need in self._laid_out(step, replica)[-1])

    def _size(self, need: int) -> int:
        """The smallest sufficient size; a batch larger than all sizes gets its own size and thus its own program."""
        return next((size for size in self.shape.sizes if size >= need), rounded(need, self._multiple))

    @property
    def _multiple(self) -> int:
        return _multiple(self.shape.width)

    def dataset(self, first_step: int, last_step: int, replicas: list[int] | None = None):
        """A tf.data.Dataset of `batch(...)` for steps [first_step, last_step), and of each step's dropout seed; the
        replicas of each step follow in turn.

        Whole numbers are int64: TensorFlow keeps int32 on the host, and would copy it to a GPU in every step.

        Args:
            replicas: global numbers of the replicas fed from this host; None: all.
        """
        import tensorflow as tf

        replicas = list(range(self.replicas)) if replicas is None else replicas
        shape = self.shape
        a_part = shape.pairs // shape.parts
        shapes = [
            [shape.groups, shape.members],
            [shape.pairs],
            *[[shape.parts, None]] * 2,
            *[[shape.parts, a_part]] * 4,
            [],
        ]
        kinds = [tf.float32] + [tf.int64] * (len(shapes) - 1)

        def wide(step: int, replica: int) -> tuple[np.ndarray, ...]:
            labels, *whole = self.batch(step, replica)
            return labels, *(part.astype(np.int64) for part in whole), np.int64(dropout_seed(self.sampler.seed, step))

        return streamed(wide, first_step, last_step, replicas, kinds, shapes)


def _multiple(width: int | None) -> int:
    return width or 2 * LENGTH_MULTIPLE


def _sizes(needs: np.ndarray, width: int | None) -> tuple[int, ...]:
    """The (at most `MOST_SIZES`) sizes with the lowest total cost for these batches.

    The largest leaves headroom for batches that were not measured.
    """
    multiple = _multiple(width)
    rounds = np.sort(-(-needs // multiple) * multiple)
    largest = rounded(int(needs.max() + HEADROOM * (needs.max() - needs.min())), multiple)
    found = [(largest,)]
    for count in range(1, MOST_SIZES):
        found += [(*sizes, largest) for sizes in itertools.combinations(np.unique(rounds).tolist(), count)]

    def cost(sizes: tuple[int, ...]) -> int:
        return int(np.array(sizes)[np.searchsorted(sizes, rounds)].sum())

    return tuple(sorted(set(min(found, key=cost))))
