import numpy as np
import pytest

from lce_tf.losses.lambda_loss import LambdaLoss
from tests.losses.worked import worked

# Scores 0, 1, 2 put the passages of grades 2, 1, 0 at ranks 3, 2, 1. Gains 3, 1, 0; max DCG = 3 + 1 / log2(3)
# = 3.6309298, so G = .8262346, .2754115, 0. 1 / D = 1, .6309298, .5, .4306766 at ranks 1 to 4.
# log2(1 + e) = 1.8946360 for scores 1 apart, log2(1 + e^2) = 3.0684967 for scores 2 apart.
SCORES, GRADES = [[0.0, 1.0, 2.0]], [[2, 1, 0]]


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        # (.6309298 - .5) * .5508231 * 1.8946 = .1366374; (1 - .6309298) * .2754115 * 1.8946 = .1925824;
        # (1 - .5) * .8262346 * 3.0684967 = 1.2676490.
        ("lambdarank", (0.1366374 + 0.1925824 + 1.2676490) / 3),
        # Neighbours: (1 - .6309298) * (.5508231 + .2754115) * 1.8946 = .5777471; two apart: (.6309298 - .5) *
        # .8262346 * 3.0684967 = .3319431.
        ("ndcg2", (0.5777471 + 0.3319431) / 3),
        ("ndcg2++", (0.1366374 + 0.1925824 + 1.2676490 + 10 * (0.5777471 + 0.3319431)) / 3),
    ],
)
def test_by_hand(weights, expected):
    values, gradient = worked(LambdaLoss(weights=weights), SCORES, GRADES)
    np.testing.assert_allclose(values, [expected], rtol=1e-5)
    assert gradient[0, 0] < 0 < gradient[0, 2]


def test_k_counts_pairs_that_touch_the_top():
    # With k = 1 the pairs of ranks (3, 2) do not count, and max DCG is 3: G = 1, 1/3, 0.
    values, _ = worked(LambdaLoss(weights="lambdarank", k=1), SCORES, GRADES)
    np.testing.assert_allclose(values, [((1 - 0.6309298) / 3 * 1.8946360 + 0.5 * 3.0684967) / 2], rtol=1e-5)


def test_one_grade_has_no_loss():
    values, gradient = worked(LambdaLoss(), [[0.0, 1.0], [0.0, 1.0]], [[0, 0], [2, 2]])
    assert values.tolist() == [0, 0] and not gradient.any()


def test_mu_and_sigma():
    both, one = (worked(LambdaLoss(mu=mu), SCORES, GRADES)[0] for mu in (0.0, 10.0))
    assert both == worked(LambdaLoss(weights="lambdarank"), SCORES, GRADES)[0] and both < one
    steep, twice = worked(LambdaLoss(sigma=2.0), SCORES, GRADES)[0], worked(LambdaLoss(), [[0.0, 2, 4]], GRADES)[0]
    np.testing.assert_allclose(steep, twice, rtol=1e-6)
