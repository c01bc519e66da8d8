import numpy as np
import pytest

from lce_tf.losses.mse import MSELoss
from tests.losses.worked import NONE, worked


def test_by_hand():
    # (2 - 3)^2 + (.5 - .5)^2 + (1 + 1)^2 = 5, over 3.
    values, gradient = worked(MSELoss(), [[2.0, 0.5, 1.0]], [[3.0, 0.5, -1.0]])
    np.testing.assert_allclose(values, [5 / 3], rtol=1e-6)
    np.testing.assert_allclose(gradient, [[-2 / 3, 0, 4 / 3]], rtol=1e-6)


@pytest.mark.parametrize(("teacher", "expected"), [([3.0, NONE, -1.0], 2.5), ([NONE] * 3, 0.0)])
def test_what_the_teacher_has_not_scored_counts_for_nothing(teacher, expected):
    values, gradient = worked(MSELoss(), [[2.0, 0.5, 1.0]], [teacher])
    np.testing.assert_allclose(values, [expected])
    assert np.isfinite(gradient).all() and (gradient[0, np.isnan(teacher)] == 0).all()
