import numpy as np

from lce_tf.losses.lce import LCELoss
from lce_tf.losses.multi_lce import MultiPositiveLCELoss
from tests.losses.worked import worked


def test_by_hand():
    # Positives 2 and 1, negatives 0 and 0. ln(e^2 + 2) - 2 = .2395448; ln(e + 2) - 1 = .5514447; mean .3954948.
    values, gradient = worked(MultiPositiveLCELoss(), [[2.0, 1.0, 0.0, 0.0]], [[3, 1, 0, 0]])
    np.testing.assert_allclose(values, [0.3954948], atol=1e-6)
    # Half of 2 / (e^2 + 2) = .2130140 and of 2 / (e + 2) = .4238831 off the positives, a quarter of each to negatives.
    np.testing.assert_allclose(gradient, [[-0.1065070, -0.2119416, 0.1592243, 0.1592243]], atol=1e-6)


def test_positives_do_not_compete():
    (apart,), _ = worked(MultiPositiveLCELoss(), [[2.0, 1.0, 0.0]], [[1, 1, 0]])
    (first,), _ = worked(MultiPositiveLCELoss(), [[2.0, 0.0]], [[1, 0]])
    (second,), _ = worked(MultiPositiveLCELoss(), [[1.0, 0.0]], [[1, 0]])
    np.testing.assert_allclose(apart, (first + second) / 2, rtol=1e-6)


def test_one_positive_makes_it_lce():
    scores, labels = [[2.0, 1.0, 0.0, 1.0], [-3.0, 1.0, 0.5, 9.0]], [[1, 0, 0, 0]] * 2
    for options in ({}, {"temperature": 0.25}):
        ours, lce = (worked(layer(**options), scores, labels) for layer in (MultiPositiveLCELoss, LCELoss))
        np.testing.assert_allclose(ours[0], lce[0], rtol=1e-6)
        np.testing.assert_allclose(ours[1], lce[1], atol=1e-6)


def test_a_group_of_one_kind_has_no_loss():
    values, gradient = worked(MultiPositiveLCELoss(), [[2.0, 1.0], [2.0, 1.0]], [[0, 0], [1, 1]])
    assert values.tolist() == [0, 0] and not gradient.any()
