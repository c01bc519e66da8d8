"""tf.data: the batches of each step, several pairs per row, in one of a few static shapes."""

import itertools
from collections.abc import Iterator
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
# Parts of whole groups may exceed the room by this factor, since groups differ in length.
OVER = 1.1
# What a batch costs whose parts do not have whole groups: they are scored, then computed again, which makes four
# passes (a gradient costs two) out of three.
AGAIN = 4 / 3


class _LaidOut(NamedTuple):
    """Where the pairs of a batch lie.

    Attributes:
        drawn: the pairs.
        numbers: [pairs] their numbers in the replica's batch as the sampler draws it, of which dropout masks depend.
        parts: which of the pairs each part has.
        starts: for each part, the position of each pair.
        need: wordpieces that the largest part needs.
    """

    drawn: Drawn
    numbers: np.ndarray
    parts: list[np.ndarray]
    starts: list[np.ndarray]
    need: int


class PackedBatches(Batches):
    """Batches whose pairs share rows, or follow one another without rows.

    Args:
        sampler, packer, groups, replicas: see `Batches`.
        width: wordpieces per row; None: the pairs of a part follow one another without rows.
        parts: number of parts that the batch is computed in, all with the same number of pairs.
        whole: whether a part has whole groups. Then its loss needs no other part. The groups of a batch, and their
            labels, are in the order of the parts.
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
        whole: bool = False,
    ):
        super().__init__(sampler, packer, groups, replicas)
        self.width, self.parts, self.sizes, self.whole = width, parts, sizes, whole or parts == 1
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
        """Batches in as few parts as possible, each of at most about `room` wordpieces.

        The parts have whole groups if these fit and are similar enough in length. The sizes are chosen from the lengths
        of the first steps.

        Args:
            sampler, packer, groups, replicas, width: as for the constructor.
            room: wordpieces per part; a part is never smaller than the longest pair.
            steps: number of steps of the whole training.
        """
        found = cls(sampler, packer, groups, replicas, width)
        lengths = [
            found.drawn(step, replica).lengths for step in range(min(LOOKED_AT, steps)) for replica in range(replicas)
        ]
        totals, room = np.array([one.sum() for one in lengths]), max(room, width or packer.lengths.sequence)
        fewest = max(1, -(-int(totals.max()) // room))

        def needs(parts: int, whole: bool) -> np.ndarray:
            found.parts, found.whole = parts, whole
            return np.array([found._need(one) for one in lengths])

        for parts in _divisors(groups, fewest):
            if parts == groups > 1 and sampler.members == 1:
                continue  # a part of one pair would have no spread of scores
            needed = needs(parts, whole=True)
            if parts == 1 or (needed.max() <= OVER * room and parts * needed.mean() <= AGAIN * totals.mean()):
                break
        else:
            needed = needs(next(_divisors(found.pairs, fewest)), whole=False)
        found.sizes = _sizes(needed, _multiple(width))
        return found

    def efficiency(self, steps: int = 32) -> float:
        """Share of real wordpieces among the computed ones in the first steps."""
        laid = [self._laid_out(step, 0) for step in range(steps)]
        real = sum(int(one.drawn.lengths.sum()) for one in laid)
        return real / sum(self._size(one.need) * self.parts for one in laid)

    def _packed(self, step, replica):
        drawn, numbers, parts, starts, _ = self._laid_out(step, replica)
        # All replicas have the same size, since each combination of sizes would be traced.
        size = self._size(max(self._laid_out(step, other).need for other in range(self.replicas)))
        numbers = numbers + replica * self.pairs
        packed = [
            pack_at(self.packer, drawn.query_rows[at], drawn.passage_rows[at], numbers[at], first, size)
            for at, first in zip(parts, starts, strict=True)
        ]
        columns = PackedPairs(*(np.stack(column) for column in zip(*packed, strict=True)))
        return drawn, np.concatenate(parts), columns

    def _pairs_spec(self, whole):
        token, pair = whole(self.parts, None), whole(self.parts, self.pairs // self.parts)
        return PackedPairs(token, token, pair, pair, pair, pair)

    def _laid(self, step: int, replica: int) -> _LaidOut:
        drawn, numbers = self.drawn(step, replica), np.arange(self.pairs)
        parts = self._parts(drawn.lengths)
        if self.whole:
            numbers = np.concatenate(parts)
            groups = numbers[:: self.pairs // self.groups] // (self.pairs // self.groups)
            drawn = Drawn(drawn.labels[groups], *(column[numbers] for column in drawn[1:]))
            parts = np.split(np.arange(self.pairs), self.parts)
        starts, needs = zip(*(starts_of(drawn.lengths[at], self.width) for at in parts), strict=True)
        return _LaidOut(drawn, numbers, parts, list(starts), max(needs))

    def _need(self, lengths: np.ndarray) -> int:
        """Wordpieces that the largest part of pairs of these lengths needs."""
        return max(starts_of(lengths[at], self.width)[1] for at in self._parts(lengths))

    def _parts(self, lengths: np.ndarray) -> list[np.ndarray]:
        """Which pairs each part has."""
        if not self.whole:
            return _dealt(lengths, self.parts)
        pairs = np.arange(self.pairs).reshape(self.groups, -1)
        return [pairs[groups].ravel() for groups in _dealt(lengths[pairs].sum(axis=1), self.parts)]

    def _size(self, need: int) -> int:
        return next((size for size in self.sizes if size >= need), rounded(need, _multiple(self.width)))


def _dealt(lengths: np.ndarray, parts: int) -> list[np.ndarray]:
    """Which of the things of these lengths each part has: equally many, and about equally long together.

    They are dealt in the order of length, in alternating directions.
    """
    rounds = np.argsort(-lengths, kind="stable").reshape(-1, parts)
    rounds[1::2] = rounds[1::2, ::-1]
    return list(np.sort(rounds.T, axis=1))


def _divisors(number: int, least: int) -> Iterator[int]:
    """The divisors of a number from `least` on, ascending."""
    return (one for one in range(least, number + 1) if number % one == 0)


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
