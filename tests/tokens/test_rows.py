import numpy as np
import pytest

from lce_tf.tokens.rows import RowShape, best_fit, end_to_end, rounded


def test_best_fit_puts_each_pair_in_the_fullest_row_that_has_room():
    # By hand, longest first: 60 opens row 0; 50 opens row 1; 45 fits into row 1 alone; 40 into row 0; 5 into row 1.
    starts, rows = best_fit(np.array([40, 60, 5, 50, 45]), 100)
    assert rows == 2
    assert starts.tolist() == [60, 0, 195, 100, 150]


@pytest.mark.parametrize("seed", range(3))
def test_no_two_pairs_overlap_and_none_crosses_a_row(seed):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(4, 120, 200)
    starts, rows = best_fit(lengths, 128)
    taken = np.zeros(rows * 128, int)
    for start, length in zip(starts, lengths, strict=True):
        taken[start : start + length] += 1
        assert start // 128 == (start + length - 1) // 128
    assert taken.max() == 1 and taken.sum() == lengths.sum()
    assert lengths.sum() / taken.size > 0.94


def test_end_to_end_leaves_nothing_between():
    assert end_to_end(np.array([3, 5, 2])).tolist() == [0, 3, 8]
    assert RowShape((16,), 4).starts_of(np.array([3, 5, 2]))[1] == 10
    assert RowShape((16,), 4, width=8).starts_of(np.array([3, 5, 2]))[1] == 16
    assert len(end_to_end(np.array([], int))) == 0
    assert rounded(129) == 192
