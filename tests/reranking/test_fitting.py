"""Fits against scikit-learn, and the calibration error by hand."""

import numpy as np
import pytest

from lce_tf.errors import UserError
from lce_tf.reranking.fitting import FITS, isotonic, platt, reliability, temperature

DRAWS = np.random.default_rng(3)
SCORES = np.round(DRAWS.normal(2, 3, 400), 2)
RELEVANT = (DRAWS.random(400) < 1 / (1 + np.exp(-(0.6 * SCORES - 2)))).astype(float)


def test_platt_as_scikit_learn_has_it():
    from sklearn.calibration import _SigmoidCalibration

    found, theirs = platt(SCORES, RELEVANT), _SigmoidCalibration().fit(SCORES, RELEVANT)
    np.testing.assert_allclose([found.slope, found.intercept], [-theirs.a_, -theirs.b_], rtol=1e-4)
    np.testing.assert_allclose(found.probability(SCORES), theirs.predict(SCORES), atol=1e-5)


def test_isotonic_as_scikit_learn_has_it():
    from sklearn.isotonic import IsotonicRegression

    found = isotonic(SCORES, RELEVANT)
    theirs = IsotonicRegression(out_of_bounds="clip").fit(SCORES, RELEVANT)
    at = np.concatenate([SCORES, np.linspace(-20, 20, 101)])
    np.testing.assert_allclose(found.probability(at), theirs.predict(at), atol=1e-12)
    assert len(found.scores) < 60


def test_temperature_is_where_the_loss_is_least():
    found = temperature(SCORES, RELEVANT)
    ones = RELEVANT.sum()
    targets = np.where(RELEVANT > 0, (ones + 1) / (ones + 2), 1 / (400 - ones + 2))

    def loss(slope):
        return np.mean(np.logaddexp(0, slope * SCORES) - targets * slope * SCORES)

    assert found.intercept == 0 and all(loss(found.slope) < loss(found.slope * by) for by in (0.99, 1.01))


def test_calibrated_scores_are_nearer_to_the_truth():
    before = reliability(1 / (1 + np.exp(-SCORES)), RELEVANT)
    for fit in FITS.values():
        after = reliability(fit(SCORES, RELEVANT).probability(SCORES), RELEVANT)
        assert after.brier < before.brier
    assert reliability(platt(SCORES, RELEVANT).probability(SCORES), RELEVANT).ece < 0.3 * before.ece


def test_the_calibration_error_by_hand():
    """Two bins: 0.1 and 0.3 with one relevant, gap |0.2 - 0.5|; 0.9 and 1.0 with both, gap |0.95 - 1|."""
    found = reliability(np.array([0.1, 0.3, 0.9, 1.0]), np.array([0.0, 1.0, 1.0, 1.0]), bins=2)
    assert found.ece == pytest.approx(0.5 * 0.3 + 0.5 * 0.05)
    assert found.brier == pytest.approx((0.01 + 0.49 + 0.01) / 4)


@pytest.mark.parametrize("method", FITS)
def test_scores_that_fall_with_relevance_are_refused(method):
    with pytest.raises(UserError, match="the scores do not rise with relevance|no temperature fits the scores"):
        FITS[method](np.array([1.0, 2.0, 3.0, 4.0]) - 2.5, np.array([1.0, 1.0, 0.0, 0.0]))


@pytest.mark.parametrize("method", FITS)
@pytest.mark.parametrize("score", [0.0, 0.1, 7.0])
def test_scores_that_are_all_the_same_are_refused(method, score):
    with pytest.raises(UserError, match="the scores do not rise with relevance"):
        FITS[method](np.full(7, score), np.array([1, 0, 1, 1, 0, 1, 1.0]))
