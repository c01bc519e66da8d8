import numpy as np

from lce_tf.losses.kl import KLLoss
from tests.losses.worked import NONE, worked


def test_by_hand():
    # Teacher (.7310586, .2689414), student (.5, .5): .7310586 ln(1.4621172) + .2689414 ln(.5378828).
    values, gradient = worked(KLLoss(), [[4.0, 4.0]], [[1.0, 0.0]])
    np.testing.assert_allclose(values, [0.1109441], atol=1e-6)
    np.testing.assert_allclose(gradient, [[0.5 - 0.7310586, 0.5 - 0.2689414]], atol=1e-6)


def test_the_teachers_own_differences_have_no_loss():
    values, gradient = worked(KLLoss(), [[7.0, 5.0, 6.0]], [[-1.0, -3.0, -2.0]])
    np.testing.assert_allclose(values, [0], atol=1e-6)
    np.testing.assert_allclose(gradient, [[0, 0, 0]], atol=1e-6)


def test_temperature_divides_both():
    (hot,), _ = worked(KLLoss(temperature=2.0), [[4.0, 0.0]], [[6.0, 0.0]])
    (cold,), _ = worked(KLLoss(), [[2.0, 0.0]], [[3.0, 0.0]])
    np.testing.assert_allclose(hot, cold, rtol=1e-6)


def test_what_the_teacher_has_not_scored_has_no_share():
    (without,), gradient = worked(KLLoss(), [[4.0, 9.0, 4.0]], [[1.0, NONE, 0.0]])
    np.testing.assert_allclose(without, 0.1109441, atol=1e-6)
    assert gradient[0, 1] == 0
    for labels in ([NONE, 1.0, NONE], [NONE] * 3):
        values, gradient = worked(KLLoss(), [[4.0, 9.0, 4.0]], [labels])
        assert values.tolist() == [0] and not gradient.any()
