import math

import numpy as np

from lce_tf.losses.lce import LCELoss
from lce_tf.losses.list_net import ListNetLoss
from tests.losses.worked import worked


def test_by_hand():
    # softmax(1, 0, 0) = e / (e + 2) = .5761169 and .2119416 twice; log softmax(2, 1, 0) = -.4076060, -1.4076060,
    # -2.4076060: .5761169 * .4076060 + .2119416 * (1.4076060 + 2.4076060) = .2348287 + .8086021.
    values, gradient = worked(ListNetLoss(), [[2.0, 1.0, 0.0]], [[1, 0, 0]])
    np.testing.assert_allclose(values, [1.0434308], atol=1e-6)
    # The softmax of the scores less that of the labels.
    np.testing.assert_allclose(gradient, [[0.0891240, 0.0327868, -0.1219110]], atol=1e-6)


def test_grades_matter():
    (low,), _ = worked(ListNetLoss(), [[0.0, 1.0]], [[2, 1]])
    (high,), _ = worked(ListNetLoss(), [[1.0, 0.0]], [[2, 1]])
    assert high < low
    # With the grades' own differences the divergence is 0: the entropy of softmax(2, 1) is left, .5822033.
    np.testing.assert_allclose(high, 0.5822033, atol=1e-6)


def test_a_low_temperature_makes_it_lce():
    scores, labels = [[2.0, 1.0, 0.0, 1.0]], [[1, 0, 0, 0]]
    ours, lce = worked(ListNetLoss(temperature=0.01), scores, labels), worked(LCELoss(), scores, labels)
    np.testing.assert_allclose(ours[0], lce[0], rtol=1e-6)
    np.testing.assert_allclose(ours[1], lce[1], atol=1e-6)


def test_equal_scores_give_ln_n():
    np.testing.assert_allclose(worked(ListNetLoss(), [[3.0] * 4], [[2, 1, 0, 0]])[0], [math.log(4)], rtol=1e-6)
