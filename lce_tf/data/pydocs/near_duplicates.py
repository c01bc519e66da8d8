"""Groups texts that are nearly equal, by an exact search rather than by sketches."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

THRESHOLD = 0.5
SHINGLE = 3


def shingles(text: str) -> frozenset[str]:
    """The word trigrams of the text, as given (lower-case it first if case should not count); a shorter text is one
    shingle."""
    words = text.split()
    return frozenset(" ".join(words[i : i + SHINGLE]) for i in range(max(1, len(words) - SHINGLE + 1)) if words)


def near_pairs(texts: Sequence[str], threshold: float = THRESHOLD) -> Iterator[tuple[int, int]]:
    """Every pair (i, j), i < j, whose word trigrams have a Jaccard similarity of at least `threshold`.

    Exact, by prefix filtering (Bayardo et al., WWW 2007; Xiao et al., WWW 2008): two sets this similar share one of the
    rarest few shingles of each, so only such texts are compared. `threshold` lies in (0, 1]. A text without words is
    similar to none. The order of the pairs is not defined.
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold is {threshold}; it must lie above 0 and be at most 1")
    ranked = _rarest_first([shingles(text) for text in texts])
    holders: dict[int, list[int]] = defaultdict(list)
    for i in sorted(range(len(ranked)), key=lambda i: len(ranked[i])):
        row = ranked[i]
        least = math.ceil(threshold * len(row) - 1e-9)  # shingles shared with any similar text that is not longer
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
    """Each set as the ranks of its shingles in ascending order, rank 0 the rarest; ties are ordered by the shingle."""
    counts = Counter(shingle for shingle_set in sets for shingle in shingle_set)
    rank = {shingle: i for i, shingle in enumerate(sorted(counts, key=lambda shingle: (counts[shingle], shingle)))}
    return [sorted(rank[shingle] for shingle in shingle_set) for shingle_set in sets]


def grouped(count: int, pairs: Iterable[tuple[int, int]]) -> list[int]:
    """For each of `count` members, the smallest member that `pairs` link to it, directly or through others."""
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
