"""Pairs that share rows of one width, placed by best-fit decreasing, or that follow one another without rows."""

import bisect
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from lce_tf.data.rows import offsets_of, stretches
from lce_tf.tokens.packing import Packer

# The length of a sequence without rows is rounded up to a multiple of this many tokens, the width of rows to one of
# twice as many.
LENGTH_MULTIPLE, WIDTH_MULTIPLE = 64, 128


class PackedPairs(NamedTuple):
    """Pairs packed into one flat sequence of tokens, in the form that is copied to the device.

    The sequence may be divided into rows of equal width; the positions are those in the flat sequence in any case.

    Attributes:
        input_ids: [tokens] int32.
        owners: [tokens] int32, index of the pair that each token belongs to, -1 for padding.
        starts: [pairs] int32, position of the first token of each pair ([CLS] in BERT's template).
        type_0_lengths, lengths: [pairs] int32, see `PaddedPairs`.
        numbers: [pairs] int32, each pair's number in the step's batch, which decides its dropout masks.
    """

    input_ids: np.ndarray
    owners: np.ndarray
    starts: np.ndarray
    type_0_lengths: np.ndarray
    lengths: np.ndarray
    numbers: np.ndarray


def best_fit(lengths: np.ndarray, width: int) -> tuple[np.ndarray, int]:
    """Places pairs in rows by best-fit decreasing: the longest first, each in the fullest row that has room.

    Args:
        lengths: [pairs] tokens of each pair, none longer than `width`.
        width: tokens per row.

    Returns:
        starts: [pairs] int64, position of each pair's first token in the concatenated rows.
        rows: number of rows used.
    """
    starts = np.empty(len(lengths), np.int64)
    free: list[tuple[int, int]] = []  # (free tokens, row), sorted
    rows = 0
    for pair in np.argsort(-np.asarray(lengths), kind="stable").tolist():
        length = int(lengths[pair])
        at = bisect.bisect_left(free, (length, -1))
        if at == len(free):
            left, row = width, rows
            rows += 1
        else:
            left, row = free.pop(at)
        starts[pair] = row * width + width - left
        if left > length:
            bisect.insort(free, (left - length, row))
    return starts, rows


def end_to_end(lengths: np.ndarray) -> np.ndarray:
    """[pairs] int64, position of each pair's first token if pairs follow one another without gaps or rows."""
    return offsets_of(lengths)[:-1]


def rounded(tokens: int, multiple: int = LENGTH_MULTIPLE) -> int:
    """`tokens` rounded up to a multiple of `multiple`."""
    return -(-int(tokens) // multiple) * multiple


def starts_of(lengths: np.ndarray, width: int | None) -> tuple[np.ndarray, int]:
    """The position of each pair's first token, [pairs] int64, and the number of tokens needed, padding included.

    Args:
        lengths: [pairs] tokens of each pair, none longer than `width`.
        width: tokens per row; None: pairs follow one another without rows.
    """
    if width is None:
        return end_to_end(lengths), int(np.sum(lengths))
    starts, rows = best_fit(lengths, width)
    return starts, rows * width


@dataclass(frozen=True)
class RowShape:
    """The static shapes of batches in which pairs share rows.

    Attributes:
        sizes: possible numbers of tokens of a batch, padding included, ascending; each is compiled as its own program.
        pairs: maximum number of pairs per batch.
        width: tokens per row; None: pairs follow one another without rows.
    """

    sizes: tuple[int, ...]
    pairs: int
    width: int | None = None

    def starts_of(self, lengths: np.ndarray) -> tuple[np.ndarray, int]:
        """See `starts_of`."""
        return starts_of(lengths, self.width)


def pack_at(
    packer: Packer,
    query_rows: np.ndarray,
    passage_rows: np.ndarray,
    numbers: np.ndarray,
    starts: np.ndarray,
    tokens: int,
) -> PackedPairs:
    """Pairs packed into one flat sequence of `tokens` tokens.

    Args:
        query_rows, passage_rows: [pairs] as `Packer.pack` takes them.
        numbers: [pairs] see `PackedPairs`.
        starts: [pairs] int64, position at which each pair begins. The pairs must not overlap; this is not checked.
        tokens: length of the sequence, padding included.
    """
    kept = packer.measure(query_rows, passage_rows)
    type_0_lengths, lengths = packer.sizes(*kept)
    owners = np.full(tokens, -1, np.int32)
    owners[stretches(starts, lengths)[0]] = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)
    ids = packer.written(query_rows, passage_rows, *kept, starts, tokens)
    return PackedPairs(ids, owners, starts.astype(np.int32), type_0_lengths, lengths, numbers.astype(np.int32))
