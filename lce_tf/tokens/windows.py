"""Pairs of queries and passages as pairs of queries and the windows of these passages, all of which are scored."""

from typing import NamedTuple

import numpy as np

from lce_tf.data.rows import stretches
from lce_tf.tokens.packing import Packer


class Expanded(NamedTuple):
    """(query, passage) pairs expanded into one row per window of the passage; the windows of a pair are adjacent.

    Attributes:
        query_rows, passage_rows: [windows] int64, as `Packer` takes them.
        offsets: [pairs + 1] int64; pair i has the windows [offsets[i], offsets[i + 1]).
    """

    query_rows: np.ndarray
    passage_rows: np.ndarray
    offsets: np.ndarray


def expanded(packer: Packer, query_rows: np.ndarray, passage_rows: np.ndarray) -> Expanded:
    """All windows of the passages of these pairs; `query_rows` and `passage_rows` are rows of the stores."""
    counts = packer.counts(passage_rows)
    windows, offsets = stretches(passage_rows * packer.lengths.windows, counts)
    return Expanded(np.repeat(query_rows, counts), windows, offsets)


def covered(packer: Packer, query_rows: np.ndarray, passage_rows: np.ndarray) -> np.ndarray:
    """[pairs] int64, number of wordpieces of each passage that at least one of its windows keeps.

    Args:
        query_rows, passage_rows: [pairs] rows of the stores, not window numbers.
    """
    last = packer.counts(passage_rows) - 1
    kept = packer.measure(query_rows, passage_rows * packer.lengths.windows + last)[1]
    return kept + last * (packer.lengths.stride or 0)
