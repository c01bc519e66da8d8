"""Vectorised operations on the rows of a run, flat arrays with offsets per query: group, sort, find repeats."""

from collections.abc import Iterator, Sequence

import numpy as np

_CHUNK_ROWS = 1 << 20
_SMALLEST_NORMAL = 0x0080_0000  # bits of the smallest float32 that is not subnormal
_LARGEST_FINITE = 0x7F7F_FFFF


def offsets_of(lengths: Sequence[int] | np.ndarray) -> np.ndarray:
    """[ranges + 1] int64: where each range begins if ranges follow one another; the last is the number of rows."""
    return np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))


def owners_of(offsets: np.ndarray) -> np.ndarray:
    """[rows] int64, the number of each row's range."""
    return np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))


def ranks_of(offsets: np.ndarray) -> np.ndarray:
    """[rows] int64, each row's place in its range, from 0."""
    return np.arange(offsets[-1]) - np.repeat(offsets[:-1], np.diff(offsets))


def stretches(starts: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The row numbers of several ranges, one range after the other, and where each range begins among them."""
    offsets = offsets_of(lengths)
    rows = np.arange(offsets[-1], dtype=np.int64)
    rows += np.repeat(starts - offsets[:-1], lengths)
    return rows, offsets


def ranges_of(offsets: np.ndarray, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first row and the number of rows of the queries at these indices; -1 stands for a query that is not there.

    Args:
        offsets: [queries + 1].
    """
    # Index -1 takes the last element, here a length of 0.
    return offsets[indices], np.append(np.diff(offsets), 0)[indices]


def found_at(wanted: np.ndarray, values: np.ndarray) -> np.ndarray:
    """[wanted] int64 index of each wanted number in `values`, -1 for one that is not there.

    Args:
        values: ascending.
    """
    if not len(values):
        return np.full(len(wanted), -1)
    near = np.minimum(np.searchsorted(values, wanted), len(values) - 1)
    return np.where(values[near] == wanted, near, -1)


def grouped(ids: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Brings scattered ranges of the same query together, in the order of first appearance.

    Args:
        ids: [ranges] the query of each range of rows.
        lengths: [ranges] its number of rows.

    Returns:
        Query ids [queries], offsets [queries + 1], and the order [rows] in which to take the rows, or None if they are
            already grouped.
    """
    _, first, code = np.unique(ids, return_index=True, return_inverse=True)
    if len(first) == len(ids):
        return ids, offsets_of(lengths), None
    by_appearance = np.argsort(first)
    index = np.empty(len(first), np.int64)
    index[by_appearance] = np.arange(len(first))
    order = np.argsort(index[code], kind="stable")
    starts = np.cumsum(lengths) - lengths
    rows, _ = stretches(starts[order], lengths[order])
    totals = np.bincount(index[code], weights=lengths).astype(np.int64)
    return ids[first[by_appearance]], offsets_of(totals), rows


def sort_best_first(
    offsets: np.ndarray, passage_ids: np.ndarray, scores: np.ndarray, ranks: np.ndarray | None = None
) -> None:
    """Sorts the rows of each query in place: score descending, then rank ascending, then the present order."""
    for first, last in chunks(offsets):
        a, b = offsets[first], offsets[last]
        score = scores[a:b]
        rank = np.zeros(b - a, np.int8) if ranks is None else ranks[a:b]
        wrong = (score[1:] > score[:-1]) | ((score[1:] == score[:-1]) & (rank[1:] < rank[:-1]))
        wrong[_inner_bounds(offsets, first, last)] = False
        if wrong.any():
            order = np.lexsort((rank, -score, owners_of(offsets[first : last + 1])))
            for column in (passage_ids, scores) if ranks is None else (passage_ids, scores, ranks):
                column[a:b] = column[a:b][order]


def repeated_passage(offsets: np.ndarray, passage_ids: np.ndarray) -> tuple[int, int] | None:
    """(query number, row) of a passage that its query lists more than once, or None.

    Sorts 64-bit hashes, which is ten times as fast as sorting ids, and compares ids only if their hashes are equal.
    """
    for first, last in chunks(offsets):
        a, b = offsets[first], offsets[last]
        queries = owners_of(offsets[first : last + 1])
        hashes = id_hashes(passage_ids[a:b], queries)
        ordered = np.sort(hashes)
        shared = ordered[1:][ordered[1:] == ordered[:-1]]
        seen = set()
        for row in np.flatnonzero(np.isin(hashes, shared)).tolist() if len(shared) else ():
            pair = (int(queries[row]), bytes(passage_ids[a + row]))
            if pair in seen:
                return int(first) + pair[0], int(a) + row
            seen.add(pair)
    return None


def decreasing(offsets: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Scores rounded to float32, lowered where needed so that they strictly decrease within each query: [rows] float32.

    Each score becomes the largest float32 that is at most its rounded value and below the score before it; a list that
    already decreases stays as it is. All are finite and none is subnormal, since some readers take subnormals for zero.
    If a list would pass the lowest float32, its last scores are raised by as little as needed.
    """
    falling = np.empty(len(scores), np.float32)
    for first, last in chunks(offsets):
        a, b = offsets[first], offsets[last]
        falling[a:b] = _decreasing(offsets[first : last + 1] - a, scores[a:b])
    return falling


def id_hashes(ids: np.ndarray, salt: np.ndarray | int) -> np.ndarray:
    """64-bit hashes of (salt, id): one multiplication and one shift for every eight bytes of the id.

    Args:
        ids: [ids] 'S'; ids of up to eight bytes never collide under the same salt.
        salt: one number, or one for each id.
    """
    width = ids.dtype.itemsize
    padded = np.zeros((len(ids), -(-width // 8) * 8), np.uint8)
    padded[:, :width] = np.ascontiguousarray(ids).view(np.uint8).reshape(-1, width)
    hashes = np.full(len(ids), salt).astype(np.uint64)
    for words in padded.view(np.uint64).T:
        hashes = (hashes ^ words) * np.uint64(0x9E37_79B9_7F4A_7C15)
        hashes ^= hashes >> np.uint64(29)
    return hashes


def chunks(offsets: np.ndarray, rows: int | None = None) -> Iterator[tuple[int, int]]:
    """Ranges (first, last + 1) of queries that have at most `rows` rows together, to keep scratch arrays small.

    Args:
        offsets: [queries + 1]; a query with more rows is a range of its own.
        rows: None: about a million.
    """
    rows = rows or _CHUNK_ROWS
    first = 0
    while first < len(offsets) - 1:
        last = int(np.searchsorted(offsets, offsets[first] + rows, "right")) - 1
        last = min(max(last, first + 1), len(offsets) - 1)
        yield first, last
        first = last


def _decreasing(offsets: np.ndarray, scores: np.ndarray) -> np.ndarray:
    lengths = np.diff(offsets)
    row = ranks_of(offsets)
    after = np.repeat(lengths, lengths) - 1 - row
    limit = np.finfo(np.float32).max
    # In this numbering of the float32 values the next lower value is one less. "Below the row before" thus becomes a
    # running minimum of number + row; each query is shifted below the one before it to keep them apart.
    apart = np.repeat(np.arange(len(lengths)) << 33, lengths)
    number = _ordinals(np.clip(scores, -limit, limit).astype(np.float32)) + row - apart
    number = np.minimum.accumulate(number) + apart - row
    lowest = -(_LARGEST_FINITE - _SMALLEST_NORMAL + 1)
    return _from_ordinals(np.maximum(number, lowest + after))


def _ordinals(values: np.ndarray) -> np.ndarray:
    """float32 -> int64 such that successive values have successive numbers; zeros and subnormals get 0."""
    bits = values.view(np.int32).astype(np.int64)
    size = np.maximum((bits & 0x7FFF_FFFF) - (_SMALLEST_NORMAL - 1), 0)
    return np.where(bits < 0, -size, size)


def _from_ordinals(numbers: np.ndarray) -> np.ndarray:
    size = np.abs(numbers)
    bits = np.where(size > 0, size + (_SMALLEST_NORMAL - 1), 0).astype(np.uint32)
    return (bits | ((numbers < 0).astype(np.uint32) << np.uint32(31))).view(np.float32)


def _inner_bounds(offsets: np.ndarray, first: int, last: int) -> np.ndarray:
    """Positions in a chunk's row-to-row differences where the second row begins another query."""
    bounds = offsets[first + 1 : last] - offsets[first] - 1
    return bounds[(bounds >= 0) & (bounds < offsets[last] - offsets[first] - 1)]
