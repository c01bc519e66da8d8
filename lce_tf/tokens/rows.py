"""Where pairs lie when several share a row: rows of one width, as full as best fit makes them."""

import bisect
from dataclasses import dataclass

import numpy as np

# Rows are a multiple of this many wordpieces wide, and sequences without rows that long: what kernels take at a time.
MULTIPLE = 64


def best_fit(lengths: np.ndarray, width: int) -> tuple[np.ndarray, int]:
    """Places pairs in rows by best-fit decreasing: the longest first, each in the fullest row that has room.

    Args:
        lengths: [pairs] wordpieces of each pair, none longer than `width`.
        width: wordpieces of a row.

    Returns:
        starts: [pairs] int64, each pair's first wordpiece in the rows behind one another.
        rows: how many rows are used.
    """
    starts = np.empty(len(lengths), np.int64)
    free: list[tuple[int, int]] = []  # (wordpieces left, row), sorted
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
    """[pairs] int64, each pair's first wordpiece where pairs follow one another without rows."""
    return np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64) if len(lengths) else np.zeros(0, np.int64)


def rounded(tokens: int, multiple: int = MULTIPLE) -> int:
    """The next multiple."""
    return -(-int(tokens) // multiple) * multiple


@dataclass(frozen=True)
class RowShape:
    """The static shapes of batches in which pairs share rows.

    Attributes:
        sizes: wordpieces of a batch, padding included, ascending; each is a program of its own.
        pairs: in a batch at most.
        width: wordpieces of a row; None: pairs follow one another without rows.
    """

    sizes: tuple[int, ...]
    pairs: int
    width: int | None = None

    def place(self, lengths: np.ndarray) -> tuple[np.ndarray, int]:
        """Where each pair starts, [pairs] int64, and the wordpieces that takes, padding between included."""
        if self.width is None:
            return end_to_end(lengths), int(np.sum(lengths))
        starts, rows = best_fit(lengths, self.width)
        return starts, rows * self.width
