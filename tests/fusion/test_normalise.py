"""Scores on one scale."""

import numpy as np
import pytest

from lce_tf.fusion.normalise import NORMALISATIONS, normalised, reciprocal_ranks
from tests.fusion.conftest import run_of

RUN = run_of({"q1": {"a": 4.0, "b": 2.0, "c": 0.0}, "q2": {"a": 7.0}, "q3": {"a": 0.1, "b": 0.1}})


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("none", [4, 2, 0, 7, 0.1, 0.1]),
        ("min-max", [1, 0.5, 0, 0, 0, 0]),
        ("sum", [4 / 6, 2 / 6, 0, 0, 0, 0]),
        ("z-score", [1.5**0.5, 0, -(1.5**0.5), 0, 0, 0]),
    ],
)
def test_each_query_by_itself(how, expected):
    assert how in NORMALISATIONS
    np.testing.assert_allclose(normalised(RUN, RUN.scores, how), expected, atol=1e-12)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("how", ["min-max", "sum", "z-score"])
@pytest.mark.parametrize("scale", [1e307, 1e300, 1e-200, 1e-310])
def test_large_and_small_scores_are_brought_to_the_same_scale(how, scale):
    scores = np.array([9.0, 3.0, -9.0])
    run = run_of({"q1": dict(zip("abc", scores, strict=True))})
    np.testing.assert_allclose(normalised(run, scores * scale, how), normalised(run, scores, how), rtol=1e-9)


def test_reciprocal_ranks_begin_anew_with_each_query():
    np.testing.assert_allclose(reciprocal_ranks(RUN, 1), [1 / 2, 1 / 3, 1 / 4, 1 / 2, 1 / 2, 1 / 3])
