"""Stateless draws: pinned, since they decide the order of training data, and uniform."""

import numpy as np
import pytest
from scipy import stats

from lce_tf.data.draws import draw, mix


def splitmix64(state: int) -> int:
    """SplitMix64's step in Python integers, as published."""
    mask = (1 << 64) - 1
    z = (state + 0x9E3779B97F4A7C15) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return z ^ (z >> 31)


def test_mix_is_splitmix64():
    # The first output of the reference generator seeded with 0 and with 1234567.
    assert int(mix(0)) == 0xE220A8397B1DCDAF and int(mix(1234567)) == 6457827717110365317
    values = [0, 1, 2**31, 2**63, 2**64 - 1]
    assert mix(np.array(values, np.uint64)).tolist() == [splitmix64(value) for value in values]


def test_pinned_draws():
    """If this fails, every training from a given seed sees other data: do not just change the numbers."""
    assert int(draw(0)) == 12035550249420947055
    assert draw(42, 1, 0, np.arange(3)).tolist() == [5098084445143625875, 8992064883912535056, 3732882119369890911]


def test_the_definition():
    expected = 0
    for part in (42, 1, 7, 2**63 + 5):
        expected = splitmix64(expected ^ splitmix64(part))
    assert int(draw(42, 1, 7, np.uint64(2**63 + 5))) == expected


def test_parts_broadcast():
    grid = draw(1, np.arange(3)[:, None], np.arange(4))
    assert grid.shape == (3, 4) and grid.dtype == np.uint64
    assert all(grid[i, j] == draw(1, i, j) for i in range(3) for j in range(4))
    assert draw(1, 2).shape == () and draw(np.zeros((0,), np.int64)).shape == (0,)


def test_kinds_of_integers_do_not_matter():
    for kind in (np.int32, np.int64, np.uint8, np.uint64):
        assert draw(kind(5), np.array([7], kind)).tolist() == draw(5, [7]).tolist()


def test_inputs_are_left_alone():
    part = np.arange(5, dtype=np.uint64)
    draw(part, part)
    assert part.tolist() == [0, 1, 2, 3, 4]


def test_order_and_number_of_parts_matter():
    assert len({int(value) for value in (draw(1, 2), draw(2, 1), draw(1, 2, 0), draw(1), draw(0, 1, 2))}) == 5


@pytest.mark.parametrize("sides", [2, 7, 199])
def test_uniform(sides):
    counts = np.bincount((draw(3, np.arange(20000)) % np.uint64(sides)).astype(int), minlength=sides)
    chi2 = ((counts - 20000 / sides) ** 2 / (20000 / sides)).sum()
    assert chi2 < stats.chi2.ppf(0.9999, sides - 1)


def test_neighbouring_keys_are_uncorrelated():
    a, b = draw(3, np.arange(20000)), draw(4, np.arange(20000))
    for first, second in ((a, b), (a[1:], a[:-1])):
        assert abs(np.corrcoef(first / 2.0**64, second / 2.0**64)[0, 1]) < 4 / np.sqrt(20000)
    flips = np.unpackbits((a ^ b).view(np.uint8)).mean()
    assert abs(flips - 0.5) < 0.003


def test_no_collisions_among_a_hundred_thousand():
    assert len(np.unique(draw(0, np.arange(10)[:, None], np.arange(10000)))) == 100000
