"""Passages named by candidates and judgments: whether the collection has them, and hashes of their word trigrams."""

import itertools

import numpy as np

from lce_tf.data.datasets import Dataset
from lce_tf.data.draws import id_keys, mix
from lce_tf.data.lookup import IdLookup
from lce_tf.data.rows import stretches
from lce_tf.foundation.progress import Progress

# Number of passages read at a time.
BLOCK = 4096


class Passages:
    """Passages by number, with hashes of their word trigrams.

    Attributes:
        ids: [passages] 'S', distinct; a passage's number is its index.
        known: [passages] bool, whether the collection has the passage.
    """

    def __init__(self, ids: np.ndarray, known: np.ndarray, starts: np.ndarray, counts: np.ndarray, hashes: np.ndarray):
        self.ids, self.known = ids, known
        self._starts, self._counts, self._hashes = starts, counts, hashes
        self._lookup = IdLookup(ids)

    @classmethod
    def read(cls, dataset: Dataset, ids: np.ndarray, shingled: bool) -> "Passages":
        """The passages with these ids, found in one pass over the collection.

        Args:
            ids: [passages] 'S', distinct.
            shingled: whether to compute trigrams; without, no passage has any.
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
                named = np.flatnonzero(rows >= 0)
                hashes, sizes = trigrams_of([block[index].text.lower() for index in named.tolist()])
                starts[rows[named]], counts[rows[named]] = end + np.cumsum(sizes) - sizes, sizes
                parts.append(hashes)
                end += len(hashes)
        return cls(ids, known, starts, counts, np.concatenate(parts))

    def rows(self, ids: np.ndarray) -> np.ndarray:
        """[ids] int64 number of each passage, -1 for ids that are not in `ids` of this object."""
        return self._lookup.rows(ids)

    def sizes(self, rows: np.ndarray) -> np.ndarray:
        """[rows] int64, number of distinct trigrams of each passage."""
        return self._counts[rows]

    def trigrams(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The hashes of the passages' distinct trigrams, flat uint64, and [rows + 1] offsets."""
        indices, offsets = stretches(self._starts[rows], self._counts[rows])
        return self._hashes[indices], offsets


def trigrams_of(texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Hashes of each text's distinct word trigrams, flat uint64, and their number for each text, [texts] int64.

    As in `lce_tf.data.pydocs.near_duplicates.shingles`, a text of one or two words counts as one trigram, and a text
    without words has none. Vectorised, since a collection has millions of texts.
    """
    split = [text.split() for text in texts]
    lengths = np.array([len(words) for words in split], np.int64)
    flat = [word for words in split for word in words]
    distinct = sorted(set(flat))
    known = dict(zip(distinct, id_keys(word.encode() for word in distinct).tolist(), strict=True))
    # Two zeros at the end, so that every word has two successors; successors beyond the end of a text are set to 0.
    words = np.zeros(len(flat) + 2, np.uint64)
    words[: len(flat)] = np.fromiter(map(known.__getitem__, flat), np.uint64, len(flat))
    owners = np.repeat(np.arange(len(texts)), lengths)
    left = np.cumsum(lengths)[owners] - np.arange(len(flat))  # words of the text from here on
    second = np.where(left > 1, words[1:-1], np.uint64(0))
    third = np.where(left > 2, words[2:], np.uint64(0))
    hashes = mix(mix(mix(words[:-2]) ^ second) ^ third)
    kept = (left > 2) | (left == lengths[owners])
    hashes, owners = hashes[kept], owners[kept]
    order = np.lexsort((hashes, owners))
    hashes, owners = hashes[order], owners[order]
    first = np.ones(len(hashes), bool)
    first[1:] = (hashes[1:] != hashes[:-1]) | (owners[1:] != owners[:-1])
    return hashes[first], np.bincount(owners[first], minlength=len(texts))
