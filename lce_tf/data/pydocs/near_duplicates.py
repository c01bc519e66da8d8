"""Groups of texts that say nearly the same, found exactly rather than by sketches."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

THRESHOLD = 0.5
SHINGLE = 3


def shingles(text: str) -> frozenset[str]:
    """The word trigrams of the text, lower-cased by the caller if at all; a shorter text is one shingle."""
    words = text.split()
    return frozenset(" ".join(words[i : i + SHINGLE]) for i in range(max(1, len(words) - SHINGLE + 1)) if words)


def near_pairs(texts: Sequence[str], threshold: float = THRESHOLD) -> Iterator[tuple[int, int]]:
    """Every pair (i, j), i < j, whose word trigrams have a Jaccard similarity of at least `threshold`.

    Exact, by prefix filtering (Bayardo et al., WWW 2007; Xiao et al., WWW 2008): sets with that similarity share
    one of the rarest few shingles of each, so only texts that do are compared. `threshold` lies in (0, 1]; texts
    without words are near to nothing. The order of the pairs is not promised.
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold is {threshold}; it must lie above 0 and be at most 1")
    ranked = _rarest_first([shingles(text) for text in texts])
    holders: dict[int, list[int]] = defaultdict(list)
    for i in sorted(range(len(ranked)), key=lambda i: len(ranked[i])):
        row = ranked[i]
        least = math.ceil(threshold * len(row) - 1e-9)  # shingles shared with any near text of this length or less
        prefix = row[: len(row) - least + 1] if row else []
        for j in {j for shingle in prefix for j in holders[shingle]}:
            if len(ranked[j]) < least:
                continue
            shared = len(set(row).intersection(ranked[j]))
            if shared >= threshold * (len(row) + len(ranked[j]) - shared):
                yield min(i, j), max(i, j)
        for shingle in prefix:
            holders[shingle].append(i)


def _rarest_first(sets: list[frozenset[str]]) -> list[list[int]]:
    """Each set as its shingles' ranks in ascending order, rank 0 the rarest; ties by the shingle itself."""
    counts = Counter(shingle for shingle_set in sets for shingle in shingle_set)
    rank = {shingle: i for i, shingle in enumerate(sorted(counts, key=lambda shingle: (counts[shingle], shingle)))}
    return [sorted(rank[shingle] for shingle in shingle_set) for shingle_set in sets]


def grouped(count: int, pairs: Iterable[tuple[int, int]]) -> list[int]:
    """For each of `count` members the smallest member that it is linked to, directly or through others."""
    parent = list(range(count))

    def root(member: int) -> int:
        while parent[member] != member:
            parent[member] = parent[parent[member]]
            member = parent[member]
        return member

    for one, other in pairs:
        low, high = sorted((root(one), root(other)))
        parent[high] = low
    return [root(member) for member in range(count)]
