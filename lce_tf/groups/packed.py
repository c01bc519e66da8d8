"""tf.data: the batches of each step, several pairs per row, in one of a few static shapes."""

import itertools
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from lce_tf.groups.pipeline import Batches, Drawn
from lce_tf.groups.sampler import GroupSampler
from lce_tf.tokens.packing import Packer
from lce_tf.tokens.rows import LENGTH_MULTIPLE, PackedPairs, pack_at, rounded, starts_of

# The sizes are chosen from the lengths of the first LOOKED_AT steps. The largest size exceeds the largest need seen by
# HEADROOM times the spread (max - min) of the needs.
LOOKED_AT, HEADROOM = 256, 0.25
# Largest number of sizes; each is compiled as its own program.
MOST_SIZES = 3


class _LaidOut(NamedTuple):
    """Where the pairs of a batch lie.

    Attributes:
        drawn: the pairs.
        parts: which of them each part has.
        starts: for each part, the position of each pair.
        need: wordpieces that the largest part needs.
    """

    drawn: Drawn
    parts: list[np.ndarray]
    starts: list[np.ndarray]
    need: int


class PackedBatches(Batches):
    """Batches whose pairs share rows, or follow one another without rows.

    Args:
        sampler, packer, groups, replicas: see `Batches`.
        width: wordpieces per row; None: the pairs of a part follow one another without rows.
        parts: number of parts that the batch is computed in, all with the same number of pairs.
        sizes: possible numbers of wordpieces of a part, padding included, ascending; a batch takes the smallest that
            holds it. One that is larger than all of them gets its own size and thus its own program.
    """

    # TensorFlow keeps int32 on the host, and would copy it to a GPU in every step.
    integers = "int64"

    def __init__(
        self,
        sampler: GroupSampler,
        packer: Packer,
        groups: int,
        replicas: int = 1,
        width: int | None = None,
        parts: int = 1,
        sizes: tuple[int, ...] = (),
    ):
        super().__init__(sampler, packer, groups, replicas)
        self.width, self.parts, self.sizes = width, parts, sizes
        # The batch of every replica asks for those of all replicas of its step, and two steps are made at once.
        self._laid_out = lru_cache(maxsize=4 * replicas)(self._laid)

    @classmethod
    def planned(
        cls,
        sampler: GroupSampler,
        packer: Packer,
        groups: int,
        replicas: int,
        width: int | None,
        room: int,
        steps: int,
    ) -> "PackedBatches":
        """Batches whose parts hold at most about `room` wordpieces, with sizes chosen from the lengths of the first
        steps.

        Args:
            sampler, packer, groups, replicas, width: as for the constructor.
            room: wordpieces per part; a part is never smaller than the longest pair.
            steps: number of steps of the whole training.
        """
        looked_at, given = range(min(LOOKED_AT, steps)), (sampler, packer, groups, replicas, width)
        whole = cls(*given)
        largest = max(int(whole.drawn(step).lengths.sum()) for step in looked_at)
        fewest = max(1, -(-largest // max(room, width or packer.lengths.sequence)))
        parts = next(parts for parts in range(fewest, whole.pairs + 1) if whole.pairs % parts == 0)
        laid = cls(*given, parts)
        needs = np.array([laid._laid_out(step, replica).need for step in looked_at for replica in range(replicas)])
        return cls(*given, parts, _sizes(needs, _multiple(width)))

    def efficiency(self, steps: int = 32) -> float:
        """Share of real wordpieces among the computed ones in the first steps."""
        laid = [self._laid_out(step, 0) for step in range(steps)]
        real = sum(int(one.drawn.lengths.sum()) for one in laid)
        return real / sum(self._size(one.need) * self.parts for one in laid)

    def _packed(self, step, replica):
        drawn, parts, starts, _ = self._laid_out(step, replica)
        # All replicas have the same size, since each combination of sizes would be traced.
        size = self._size(max(self._laid_out(step, other).need for other in range(self.replicas)))
        packed = [
            pack_at(self.packer, drawn.query_rows[at], drawn.passage_rows[at], replica * self.pairs + at, first, size)
            for at, first in zip(parts, starts, strict=True)
        ]
        columns = PackedPairs(*(np.stack(column) for column in zip(*packed, strict=True)))
        return drawn, np.concatenate(parts), columns

    def _pairs_spec(self, whole):
        token, pair = whole(self.parts, None), whole(self.parts, self.pairs // self.parts)
        return PackedPairs(token, token, pair, pair, pair, pair)

    def _laid(self, step: int, replica: int) -> _LaidOut:
        drawn = self.drawn(step, replica)
        parts = self._parts(drawn.lengths)
        starts, needs = zip(*(starts_of(drawn.lengths[at], self.width) for at in parts), strict=True)
        return _LaidOut(drawn, parts, list(starts), max(needs))

    def _parts(self, lengths: np.ndarray) -> list[np.ndarray]:
        """The pairs of each part, assigned in alternating order of length so that the parts are about equally long."""
        if self.parts == 1:
            return [np.arange(len(lengths))]
        rounds = np.argsort(-lengths, kind="stable").reshape(-1, self.parts)
        rounds[1::2] = rounds[1::2, ::-1]
        return list(np.sort(rounds.T, axis=1))

    def _size(self, need: int) -> int:
        return next((size for size in self.sizes if size >= need), rounded(need, _multiple(self.width)))


def _multiple(width: int | None) -> int:
    """What the sizes are multiples of: whole rows."""
    return width or 2 * LENGTH_MULTIPLE


def _sizes(needs: np.ndarray, multiple: int) -> tuple[int, ...]:
    """The (at most `MOST_SIZES`) sizes with the lowest total cost for these batches.

    The largest leaves headroom for batches that were not measured.
    """
    rounds = np.sort(-(-needs // multiple) * multiple)
    largest = rounded(int(needs.max() + HEADROOM * (needs.max() - needs.min())), multiple)
    found = [(largest,)]
    for count in range(1, MOST_SIZES):
        found += [(*sizes, largest) for sizes in itertools.combinations(np.unique(rounds).tolist(), count)]

    def cost(sizes: tuple[int, ...]) -> int:
        return int(np.array(sizes)[np.searchsorted(sizes, rounds)].sum())

    return tuple(sorted(set(min(found, key=cost))))
