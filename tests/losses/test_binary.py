import numpy as np

from lce_tf.losses.binary import BinaryLoss
from lce_tf.losses.cross_entropy import CrossEntropyLoss
from tests.losses.worked import worked


def test_by_hand():
    # ln(1 + e^-1.5) = .2014133 for the relevant one, ln(1 + e^-.5) = .4740770 for the other: mean .3377451.
    values, gradient = worked(BinaryLoss(), [[1.5, -0.5]], [[2, 0]])
    np.testing.assert_allclose(values, [0.3377451], atol=1e-6)
    np.testing.assert_allclose(gradient, [[(0.8175745 - 1) / 2, 0.3775407 / 2]], atol=1e-6)


def test_smoothing_by_hand():
    # Targets .95 and .05: .95 * .2014133 + .05 * 1.7014133 = .2764133; .05 * .9740770 + .95 * .4740770 = .4990770.
    values, _ = worked(BinaryLoss(label_smoothing=0.1), [[1.5, -0.5]], [[1, 0]])
    np.testing.assert_allclose(values, [0.3877451], atol=1e-6)


def test_one_logit_is_the_margin_of_two():
    (ours,), _ = worked(BinaryLoss(), [[1.5]], [[1]])
    assert ours == CrossEntropyLoss()(np.float32([[[0.5, 2.0]]]), np.float32([[1]]))[0]


def test_shares_are_the_two_classes():
    shares = BinaryLoss().log_shares(np.array([[[1.5], [-0.5]]], np.float32))
    np.testing.assert_allclose(np.exp(shares), [[[0.8175745, 0.1824255], [0.3775407, 0.6224593]]], atol=1e-6)
