import numpy as np

from lce_tf.losses.adr_mse import ADRMSELoss
from tests.losses.worked import NONE, worked


def test_by_hand():
    # Scores 1, 0: approximate ranks 1 + sigmoid(-1) = 1.2689414 and 1 + sigmoid(1) = 1.7310586. Ranks 2 and 1:
    # (2 - 1.2689414)^2 / log2(3) + (1 - 1.7310586)^2 / 1 = .3372001 + .5344467, over 2.
    values, gradient = worked(ADRMSELoss(), [[1.0, 0.0]], [[0, 5]])
    np.testing.assert_allclose(values, [0.4358234], atol=1e-6)
    assert gradient[0, 0] > 0 > gradient[0, 1]


def test_ties_share_the_mean_of_their_ranks():
    # Equal scores have approximate ranks of 2, which is what three equal labels have.
    values, gradient = worked(ADRMSELoss(), [[0.5] * 3], [[1, 1, 1]])
    np.testing.assert_allclose(values, [0], atol=1e-12)
    assert not gradient.any()
    # Ranks 1, 2.5, 2.5: (1 + .25 / log2(3.5) * 2) / 3.
    values, _ = worked(ADRMSELoss(), [[0.5] * 3], [[1, 0, 0]])
    np.testing.assert_allclose(values, [(1 + 0.5 / np.log2(3.5)) / 3], rtol=1e-6)


def test_alpha_makes_ranks_whole():
    values, _ = worked(ADRMSELoss(alpha=100.0), [[3.0, 2.0, 1.0]], [[9.0, 5.0, 1.0]])
    np.testing.assert_allclose(values, [0], atol=1e-6)


def test_what_the_teacher_has_not_scored_is_left_out():
    (without,), gradient = worked(ADRMSELoss(), [[1.0, 9.0, 0.0]], [[0, NONE, 5]])
    np.testing.assert_allclose(without, 0.4358234, atol=1e-6)
    assert gradient[0, 1] == 0
    assert worked(ADRMSELoss(), [[1.0, 9.0]], [[NONE, NONE]])[0].tolist() == [0]
