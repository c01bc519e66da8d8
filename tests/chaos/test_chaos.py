"""A few of the kills of `make chaos`, and a check that wrong results are detected."""

import itertools

import pytest

from tests.chaos.kills import storm
from tests.chaos.storms import reranking_storm, training_storm


@pytest.mark.slow
@pytest.mark.parametrize("rage", [training_storm, reranking_storm])
def test_what_is_killed_ends_as_if_it_had_not_been(tmp_path, rage):
    tally = rage(tmp_path, kills=3, seed=5)
    assert tally.faults == [] and tally.survived == tally.kills >= 3


@pytest.mark.slow
def test_another_result_is_counted_as_lost(tmp_path, monkeypatch):
    from tests.chaos import storms

    numbers = itertools.count()

    def never_the_same(kind, settings, compared, *rest):
        return storm(kind, settings, lambda output: next(numbers), *rest)

    monkeypatch.setattr(storms, "storm", never_the_same)
    tally = reranking_storm(tmp_path, kills=1, seed=1)
    assert tally.survived == 0 and tally.kills == 1 and "not that of an undisturbed job" in tally.faults[0]
