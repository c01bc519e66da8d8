"""Positions of pairs that share rows of one width, by best-fit decreasing, or follow one another without rows."""

import bisect
from dataclasses import dataclass

import numpy as np

from lce_tf.data.rows import offsets_of

# The length of a sequence without rows is rounded up to a multiple of this many tokens, the width of rows to one of
# twice as many.
LENGTH_MULTIPLE, WIDTH_MULTIPLE = 64, 128


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
