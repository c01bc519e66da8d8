"""Public cross-encoders of many formats, frames and settings score as their own library does."""

import json
from pathlib import Path

import numpy as np
import pytest

from lce_tf import Reranker
from tests.checkpoints.made import CASES, PAIRS

REFERENCES = json.loads(Path(__file__).with_name("references.json").read_text(encoding="utf-8"))["scores"]


def test_there_is_a_reference_for_each():
    assert list(REFERENCES) == list(CASES) and len(CASES) >= 40


# Every second one with `make test`, the others with the slow tests.
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (place % 2)) for place, name in enumerate(CASES)]
)
def test_scores_are_those_of_the_checkpoint_s_own_library(name, tmp_path):
    CASES[name](tmp_path)
    columns = np.array(REFERENCES[name])
    expected = columns[:, 0]
    if columns.shape[1] == 2:
        expected = {"two labels, turned": columns[:, 0] - columns[:, 1], "two labels, a sigmoid": columns[:, 1]}.get(
            name, columns[:, 1] - columns[:, 0]
        )
    assert expected.std() > 0.01  # a score that says something of its pair
    scores = Reranker.load(tmp_path, engine="tensorflow", precision="float32").score(PAIRS)
    np.testing.assert_allclose(scores, expected, atol=1e-4, rtol=0)
