"""The passages that candidates and judgments name: whether the collection has them, and their word trigrams."""

import itertools

import numpy as np

from lce_tf.data.datasets import Dataset
from lce_tf.data.draws import id_keys
from lce_tf.data.lookup import IdLookup
from lce_tf.data.pydocs.near_duplicates import shingles
from lce_tf.data.rows import stretches
from lce_tf.progress import Progress

# Passages read at a time.
BLOCK = 4096


class Passages:
    """Passages by number, with hashes of their trigrams.

    Attributes:
        ids: [passages] 'S', each once.
        known: [passages] bool, whether the collection has it.
    """

    def __init__(self, ids: np.ndarray, known: np.ndarray, starts: np.ndarray, counts: np.ndarray, hashes: np.ndarray):
        self.ids, self.known = ids, known
        self._starts, self._counts, self._hashes = starts, counts, hashes
        self._lookup = IdLookup(ids)

    @classmethod
    def read(cls, dataset: Dataset, ids: np.ndarray, shingled: bool) -> "Passages":
        """The passages called `ids`, [passages] 'S', each once, in one reading of the collection.

        Args:
            shingled: whether trigrams are wanted.
        """
        lookup, parts, end = IdLookup(ids), [np.zeros(0, np.uint64)], 0
        known, starts, counts = np.zeros(len(ids), bool), np.zeros(len(ids), np.int64), np.zeros(len(ids), np.int64)
        with Progress("read passages", None, "passages") as progress:
            passages = iter(dataset.passages())
            while block := list(itertools.islice(passages, BLOCK)):
                rows = lookup.rows(np.array([passage.passage_id.encode() for passage in block]))
                known[rows[rows >= 0]] = True
                progress.advance(len(block))
                if not shingled:
                    continue
                pairs = zip(block, rows, strict=True)
                sets = [shingles(passage.text.lower()) if row >= 0 else () for passage, row in pairs]
                sizes = np.array([len(one) for one in sets])
                words = [trigram.encode() for one in sets for trigram in one]
                counts[rows[rows >= 0]] = sizes[rows >= 0]
                starts[rows[rows >= 0]] = (end + np.cumsum(sizes) - sizes)[rows >= 0]
                parts.append(id_keys(words))
                end += len(words)
        return cls(ids, known, starts, counts, np.concatenate(parts))

    def rows(self, ids: np.ndarray) -> np.ndarray:
        """[ids] int64 number of each passage, -1 for those that are not among these."""
        return self._lookup.rows(ids)

    def sizes(self, rows: np.ndarray) -> np.ndarray:
        """[rows] int64, different trigrams of each passage."""
        return self._counts[rows]

    def trigrams(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The hashes of the passages' trigrams, flat uint64, and [rows + 1] offsets."""
        places, offsets = stretches(self._starts[rows], self._counts[rows])
        return self._hashes[places], offsets
