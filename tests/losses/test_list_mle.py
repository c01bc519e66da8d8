import math

import numpy as np

from lce_tf.losses.list_mle import ListMLELoss
from tests.losses.worked import NONE, worked


def test_by_hand():
    # Order 1, 0, 2 with scores 2, 1, 0: ln(e^2 + e + 1) - 2 = .4076060, ln(e + 1) - 1 = .3132617, and 0.
    values, gradient = worked(ListMLELoss(), [[1.0, 2.0, 0.0]], [[1, 2, 0]])
    np.testing.assert_allclose(values, [0.7208677], atol=1e-6)
    # Of the first: softmax (.2447285, .6652410, .0900306) - (0, 1, 0); of the second (.7310586 - 1, 0, .2689414).
    np.testing.assert_allclose(gradient, [[-0.0242129, -0.3347590, 0.3589720]], atol=1e-6)


def test_positions_by_hand():
    # Weights 2^2 - 1 = 3, 2^1 - 1 = 1, 0 over their sum 4: (3 * .4076060 + .3132617) / 4.
    values, _ = worked(ListMLELoss(positions="aware"), [[1.0, 2.0, 0.0]], [[1, 2, 0]])
    np.testing.assert_allclose(values, [0.3840199], atol=1e-6)


def test_long_lists_do_not_overflow():
    values, gradient = worked(ListMLELoss(positions="aware"), [np.linspace(3, -3, 200)], [np.arange(200, 0, -1)])
    assert np.isfinite(values).all() and np.isfinite(gradient).all() and gradient.any()


def test_only_the_order_of_the_labels_counts_and_ties_keep_the_columns():
    scores = [[0.3, 2.0, -1.0, 0.0]]
    for labels in ([9.0, 1.0, 0.5, -7.0], [1, 0, 0, 0]):
        np.testing.assert_allclose(
            worked(ListMLELoss(), scores, [labels])[0], worked(ListMLELoss(), scores, [[4, 3, 2, 1]])[0]
        )


def test_what_the_teacher_has_not_scored_is_left_out():
    (without,), gradient = worked(ListMLELoss(), [[1.0, 5.0, 2.0, 0.0]], [[1, NONE, 2, 0]])
    (expected,), _ = worked(ListMLELoss(), [[1.0, 2.0, 0.0]], [[1, 2, 0]])
    np.testing.assert_allclose(without, expected, rtol=1e-6)
    assert gradient[0, 1] == 0
    for positions in ("equal", "aware"):
        values, gradient = worked(ListMLELoss(positions=positions), [[1.0, 5.0]], [[NONE, NONE]])
        assert values.tolist() == [0] and not gradient.any()


def test_equal_scores_give_the_chance_of_one_order():
    np.testing.assert_allclose(worked(ListMLELoss(), [[2.0] * 5], [[5, 4, 3, 2, 1]])[0], [math.log(120)], rtol=1e-6)
