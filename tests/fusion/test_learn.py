"""Weights from a grid."""

import pytest

from lce_tf.errors import UserError
from lce_tf.fusion.candidates import Candidates
from lce_tf.fusion.learn import grid, learn
from tests.fusion.conftest import run_of


def test_the_grid_covers_the_shares():
    assert grid(2, 0.25) == [(0, 1), (0.25, 0.75), (0.5, 0.5), (0.75, 0.25), (1, 0)]
    three = grid(3, 0.1)
    assert len(three) == len(set(three)) == 66 and all(sum(point) == pytest.approx(1) for point in three)


@pytest.mark.parametrize(("runs", "step", "said"), [(2, 0.3, "no multiple"), (6, 0.05, "larger step")])
def test_grids_that_cannot_be(runs, step, said):
    with pytest.raises(UserError, match=said):
        grid(runs, step)


def test_the_best_weights_nearest_to_equal_ones():
    """The positive p wins while the second run's share, times its lead of 1, is more than the first's times 0.3."""
    first = run_of({"q": {"n": 1.0, "p": 0.7}})
    second = run_of({"q": {"p": 1.0, "n": 0.0}})
    both = Candidates.of([first, second])
    table = both.table([first.scores, second.scores])
    found = learn(both, table, {"q": {"p": 1}}, "MRR@10", 0.1)
    assert (found.weights, found.value) == ((0.5, 0.5), 1.0)
    values = dict(found.grid)
    # 0.3 w < 1 - w up to w = 0.769...
    assert values[0.7, 0.3] == 1.0 and values[0.8, 0.2] == 0.5 and len(values) == 11
