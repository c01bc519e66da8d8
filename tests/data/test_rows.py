"""Grouping, sorting and repeats against plain Python; written scores against a loop with nextafter."""

import numpy as np
import pytest

from lce_tf.data import rows

F32 = np.finfo(np.float32)


@pytest.fixture(params=[1, 7, 1 << 20], autouse=True)
def chunk_rows(request, monkeypatch):
    monkeypatch.setattr(rows, "_CHUNK_ROWS", request.param)


def next_below(value: float) -> np.float32:
    """The next float32 below, subnormals skipped."""
    value = np.nextafter(np.float32(value), np.float32(-np.inf))
    return value if value == 0 or abs(value) >= F32.tiny else np.float32(0 if value > 0 else -F32.tiny)


def lowered(scores: list[float]) -> list[float]:
    result = []
    for score in scores:
        score = np.float32(score)
        result.append(score if not result or score < result[-1] else next_below(result[-1]))
    return result


def offsets_of(*lengths: int) -> np.ndarray:
    return np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))


def test_scores_that_fall_in_float32_are_kept():
    scores = np.array([3.5, 1.25, 0.1, 0, -7, 9, 8.000001])
    assert rows.decreasing(offsets_of(5, 2), scores).tolist() == scores.astype(np.float32).tolist()


def test_ties_are_lowered_by_hand_calculation():
    found = rows.decreasing(offsets_of(4, 2), np.array([1.0, 1.0, 1.0, 0.5, 1.0, 1.0]))
    step = 2.0**-24
    assert found.tolist() == [1.0, 1 - step, 1 - 2 * step, 0.5, 1.0, 1 - step]


def test_a_lowered_score_pushes_on_only_where_it_must():
    below = float(np.nextafter(np.float32(2), np.float32(0)))
    found = rows.decreasing(offsets_of(4), np.array([2.0, 2.0, below, 1.0]))
    assert found.tolist() == lowered([2.0, 2.0, below, 1.0]) and found[3] == 1.0


def test_zeros_of_both_signs_tie_and_nothing_subnormal_is_written():
    found = rows.decreasing(offsets_of(4), np.array([F32.tiny, 1e-40, 0.0, -0.0]))
    assert found[0] == F32.tiny and found[1] == 0 and found[2] == -F32.tiny and found[3] < found[2]
    assert all(abs(value) >= F32.tiny or value == 0 for value in found)


def test_scores_beyond_float32_stay_finite_and_apart():
    found = rows.decreasing(offsets_of(3, 3), np.array([1e300, 1e200, 0, 0, -1e200, -1e300]))
    assert np.isfinite(found).all() and found[0] == F32.max and found[5] == F32.min
    assert (np.diff(found[:3]) < 0).all() and (np.diff(found[3:]) < 0).all()


def test_agrees_with_a_loop_on_random_lists():
    generator = np.random.default_rng(0)
    lengths = generator.integers(0, 30, 200)
    lists = [np.sort(generator.normal(0, 3, n).astype(np.float16))[::-1].astype(np.float64) for n in lengths]
    found = rows.decreasing(offsets_of(*lengths), np.concatenate(lists))
    assert found.dtype == np.float32
    assert found.tolist() == [score for scores in lists for score in lowered(scores)]


def test_no_rows_and_queries_without_rows():
    assert rows.decreasing(offsets_of(), np.zeros(0)).tolist() == []
    assert rows.decreasing(offsets_of(0, 1, 0), np.ones(1)).tolist() == [1]
    assert rows.repeated_passage(offsets_of(0, 1, 0), np.array([b"a"])) is None


def test_repeats_are_found_within_a_query_only():
    ids = np.array([b"a", b"b", b"a", b"c", b"d" * 20, b"d" * 21, b"b", b"c"])
    assert rows.repeated_passage(offsets_of(2, 3, 0, 3), ids) is None
    assert rows.repeated_passage(offsets_of(2, 6), ids) == (1, 7)
    assert rows.repeated_passage(offsets_of(3, 5), ids) == (0, 2)


def test_ids_whose_hashes_agree_are_compared(monkeypatch):
    monkeypatch.setattr(rows, "id_hashes", lambda ids, salt: np.zeros(len(ids), np.uint64))
    assert rows.repeated_passage(offsets_of(2, 2), np.array([b"a", b"b", b"a", b"b"])) is None
    assert rows.repeated_passage(offsets_of(2, 2), np.array([b"a", b"b", b"a", b"a"])) == (1, 3)


def test_sorting_agrees_with_python():
    generator = np.random.default_rng(1)
    lengths = generator.integers(0, 12, 60)
    offsets = offsets_of(*lengths)
    ids = np.arange(offsets[-1]).astype("S")
    scores, ranks = generator.integers(0, 4, len(ids)).astype(float), generator.integers(0, 4, len(ids))
    table = list(zip((-scores).tolist(), ranks.tolist(), range(len(ids)), strict=True))
    wanted = [row[-1] for a, b in zip(offsets, offsets[1:], strict=False) for row in sorted(table[a:b])]
    rows.sort_best_first(offsets, ids, scores, ranks)
    assert ids.astype(int).tolist() == wanted and scores.tolist() == [-table[row][0] for row in wanted]


def test_grouping_keeps_the_order_of_first_appearance():
    ids, offsets, order = rows.grouped(np.array([b"z", b"a", b"z", b"b", b"a"]), np.array([2, 1, 1, 2, 3]))
    assert ids.tolist() == [b"z", b"a", b"b"] and offsets.tolist() == [0, 3, 7, 9]
    assert order.tolist() == [0, 1, 3, 2, 6, 7, 8, 4, 5]
    assert rows.grouped(np.array([b"b", b"a"]), np.array([1, 2]))[2] is None


def test_ranges_and_searches_by_hand():
    starts, lengths = rows.ranges_of(np.array([0, 2, 2, 5]), np.array([2, -1, 0]))
    assert starts[[0, 2]].tolist() == [2, 0] and lengths.tolist() == [3, 0, 2]
    assert rows.found_at(np.array([5, 4, 9, -1]), np.array([1, 4, 5])).tolist() == [2, 1, -1, -1]
    assert rows.found_at(np.array([5]), np.array([])).tolist() == [-1]


def test_ranges_by_hand():
    offsets = rows.offsets_of([2, 0, 3])
    assert offsets.tolist() == [0, 2, 2, 5]
    assert rows.owners_of(offsets).tolist() == [0, 0, 2, 2, 2]
    assert rows.ranks_of(offsets).tolist() == [0, 1, 0, 1, 2]
    assert [part.tolist() for part in rows.stretches(np.array([7, 1, 4]), np.array([2, 0, 3]))] == [
        [7, 8, 4, 5, 6],
        [0, 2, 2, 5],
    ]
    nothing = rows.offsets_of([])
    assert [part.tolist() for part in (nothing, rows.owners_of(nothing), rows.ranks_of(nothing))] == [[0], [], []]
