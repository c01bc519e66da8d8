"""Random texts whose lengths, and whose words' numbers of wordpieces, are distributed as in MS MARCO."""

import functools
import re
from dataclasses import dataclass

import numpy as np

from lce_tf.data.draws import draw
from lce_tf.model import hub

# Words are drawn from a table with this many places; a word has places in proportion to its frequency.
_PLACES = 1 << 20
_SHIFT = np.uint64(64 - 20)
# Ranks fall by Zipf's law in Mandelbrot's form, 1 / (rank + offset) ** power: fitted to the most frequent word's
# share of the sample passages (6%) and to the mean length of its words (5.0 letters with their punctuation).
_OFFSET, _POWER = 2.7, 1.17
# Share of the words that are no entry of the vocabulary, by the number of pieces that follow their first.
_PIECES = (0.5, 0.4, 0.1)


@dataclass(frozen=True)
class Texts:
    """Statistics of one kind of text.

    Attributes:
        words: the number of words of a text at each of the quantiles of `_SHARES`.
        rare: share of the words that split into several wordpieces.
        punctuated: share of the words with a comma or a full stop.
        kind: number that keeps the draws of different files apart.
    """

    words: tuple[int, ...]
    rare: float
    punctuated: float
    kind: int


_SHARES = (*(step / 20 for step in range(20)), 0.99, 1.0)
# From 1,000 passages of collection.tsv: 51.9 words, 312 characters and 69.2 wordpieces on
# average, 1.33 a word; 13% of the words end in punctuation, and 10% of the others have several pieces.
PASSAGES = Texts(
    (9, 29, 35, 37, 39, 41, 43, 44, 46, 47, 48, 50, 51, 53, 55, 58, 61, 67, 78, 91, 108, 154), 0.13, 0.13, kind=1
)
# From the 6,980 queries of queries.dev.small.tsv: 5.9 words, 33 characters and 7.0 wordpieces, 1.18 a word.
QUERIES = Texts((2, 3, 3, 4, 4, 4, 4, 5, 5, 5, 6, 6, 6, 6, 7, 7, 8, 8, 9, 10, 14, 30), 0.095, 0.02, kind=2)


def drawn(texts: Texts, seed: int, block: int, count: int) -> list[bytes]:
    """The `count` texts of block `block`; they depend only on the arguments."""
    shares = draw(seed, texts.kind, block, 0, np.arange(count)) / 2.0**64
    lengths = np.interp(shares, _SHARES, texts.words).round().astype(np.int64)
    bounds = np.concatenate(([0], np.cumsum(lengths)))
    places = draw(seed, texts.kind, block, 1, np.arange(bounds[-1])) >> _SHIFT
    words = _table(texts)[places].tolist()
    bounds = bounds.tolist()
    return [b" ".join(words[a:b]) for a, b in zip(bounds, bounds[1:], strict=False)]


@functools.cache
def _table(texts: Texts) -> np.ndarray:
    """[places] words as bytes objects; each word is as frequent as in the texts."""
    whole, pieces = _vocabulary()
    share = np.cumsum(1 / (np.arange(len(whole)) + _OFFSET) ** _POWER)
    ranks = np.searchsorted(share / share[-1], (np.arange(_PLACES) + 0.5) / _PLACES)
    table = whole[ranks]
    chance = [draw(texts.kind, number, np.arange(_PLACES)) / 2.0**64 for number in range(6)]
    rare = np.flatnonzero(chance[0] < texts.rare)
    # A rare word is any word with further pieces appended, so that there are many different ones.
    table[rare] = whole[(chance[1][rare] * len(whole)).astype(np.int64)]
    following = 1 + np.searchsorted(np.cumsum(_PIECES), chance[2][rare])
    for number in range(1, len(_PIECES) + 1):
        longer = rare[following >= number]
        table[longer] += pieces[(chance[2 + number][longer] * len(pieces)).astype(np.int64)]
    marked = np.flatnonzero(draw(texts.kind, 6, np.arange(_PLACES)) / 2.0**64 < texts.punctuated)
    table[marked[::2]] += b","
    table[marked[1::2]] += b"."
    return table


def _vocabulary() -> tuple[np.ndarray, np.ndarray]:
    """The packaged model's words in the order of its vocabulary, frequent ones first, and its pieces within words."""
    entries = (hub.locate("minilm") / "vocab.txt").read_text(encoding="utf-8").split("\n")
    # Single letters other than "a" are not words, but the vocabulary has them before all words.
    whole = ["a", *(entry for entry in entries if re.fullmatch("[a-z]{2,}", entry))]
    pieces = [entry[2:] for entry in entries if re.fullmatch("##[a-z]{2,3}", entry)]
    return tuple(np.array([word.encode() for word in words], object) for words in (whole, pieces))
