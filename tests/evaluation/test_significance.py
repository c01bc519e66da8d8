"""Paired tests and intervals against closed forms and scipy."""

import math

import numpy as np
import pytest
from scipy import stats

from lce_tf.errors import UserError
from lce_tf.evaluation.significance import compare, letters, mean_interval, superscript


def per_query(**runs):
    return {name: {f"q{i}": value for i, value in enumerate(values)} for name, values in runs.items()}


def test_p_by_hand():
    """Differences 1, 2, 3: t = 2 / (1 / sqrt 3) = sqrt 12, and with 2 degrees of freedom p = 1 - t / sqrt(t^2 + 2)."""
    found = compare(per_query(a=[1, 2, 3], b=[0, 0, 0]), alpha=0.1)
    p = 1 - math.sqrt(12 / 14)
    assert found.p_values == {("a", "b"): pytest.approx(p, abs=1e-12)}
    assert found.corrected == found.p_values
    assert found.beats == {"a": ["b"], "b": []}
    assert (found.names, found.means, found.queries, found.comparisons) == (("a", "b"), {"a": 2.0, "b": 0.0}, 3, 1)


def test_p_with_two_queries_by_hand():
    """Differences 1 and 3: t = 2, and with 1 degree of freedom p = 1 - 2 / pi * atan(t)."""
    found = compare(per_query(a=[0, 0], b=[1, 3]))
    assert found.p_values["a", "b"] == pytest.approx(1 - 2 / math.pi * math.atan(2), abs=1e-12)


def test_bonferroni_multiplies_by_the_number_of_comparisons():
    values = per_query(a=[1, 2, 3], b=[0, 0, 0], c=[1, 2, 2.5])
    p = 1 - math.sqrt(12 / 14)
    assert compare(values, alpha=0.1).beats["a"] == []
    assert compare(values, alpha=0.1).comparisons == 3
    assert compare(values, alpha=0.1).corrected["a", "b"] == pytest.approx(3 * p)
    assert compare(values, alpha=0.1, comparisons=1).beats["a"] == ["b"]
    assert compare(values, comparisons=28).corrected["a", "b"] == 1.0
    chosen = compare(values, alpha=0.1, pairs=[("b", "a")])
    assert (chosen.comparisons, chosen.beats) == (1, {"a": ["b"], "b": [], "c": []})
    assert list(chosen.p_values) == [("b", "a")]


def test_agrees_with_scipy_and_ignores_the_order_of_queries():
    random = np.random.default_rng(0)
    values = per_query(**{name: random.random(200) + shift for name, shift in [("a", 0), ("b", 0.05), ("c", 0.3)]})
    values["c"] = dict(sorted(values["c"].items(), reverse=True))
    found = compare(values)
    for (a, b), p in found.p_values.items():
        pairs = [(values[a][query_id], values[b][query_id]) for query_id in values[a]]
        assert p == pytest.approx(stats.ttest_rel(*zip(*pairs, strict=True)).pvalue, rel=1e-9)
    assert list(found.p_values) == [("a", "b"), ("a", "c"), ("b", "c")]
    assert found.beats["c"] == ["a", "b"]
    assert all(type(p) is float for p in [*found.p_values.values(), *found.corrected.values(), *found.means.values()])


def test_identical_and_constant_differences():
    found = compare(per_query(a=[0.5, 0.1, 0.3], b=[0.5, 0.1, 0.3], c=[0.6, 0.2, 0.4]))
    assert found.p_values == {("a", "b"): 1.0, ("a", "c"): 0.0, ("b", "c"): 0.0}
    assert found.beats == {"a": [], "b": [], "c": ["a", "b"]}
    noise = compare(per_query(a=[0.1 + 0.2, 0.3, 0.3], b=[0.3, 0.3, 0.1 + 0.2]))
    assert noise.p_values["a", "b"] == 1.0


def test_worse_is_not_better():
    found = compare(per_query(a=np.zeros(50), b=np.linspace(0.4, 0.6, 50)))
    assert found.beats == {"a": [], "b": ["a"]}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (dict(per_query=per_query(a=[1, 2])), "two runs"),
        (dict(per_query=per_query(a=[1], b=[2])), "two queries"),
        (dict(per_query=per_query(a=[], b=[])), "two queries"),
        (dict(per_query=per_query(a=[1, 2, 3], b=[1, 2])), "same queries, e.g. q2"),
        (dict(per_query=per_query(a=[1, 2, 3], b=[1, 2, math.nan])), "b: the value of query q2 is nan"),
        (dict(per_query=per_query(a=[1, math.inf], b=[1, 2])), "a: the value of query q1 is inf"),
        (dict(per_query=per_query(a=[1, 2], b=[1, 3]), alpha=0), "alpha is 0"),
        (dict(per_query=per_query(a=[1, 2], b=[1, 3]), alpha=1), "alpha is 1"),
        (dict(per_query=per_query(a=[1, 2], b=[1, 3]), alpha=math.nan), "alpha is nan"),
        (dict(per_query=per_query(a=[1, 2], b=[1, 3]), pairs=[("a", "x")]), "no run x"),
        (dict(per_query=per_query(a=[1, 2], b=[1, 3]), pairs=[("a", "a")]), "two different"),
        (dict(per_query=per_query(a=[1, 2], b=[1, 3]), pairs=[("a", "b"), ("b", "a")]), "each pair once"),
        (dict(per_query=per_query(a=[1, 2], b=[1, 3]), pairs=[]), "at least 1"),
        (dict(per_query=per_query(a=[1, 2], b=[1, 3]), comparisons=0), "at least 1"),
    ],
)
def test_what_cannot_be_compared(arguments, said):
    with pytest.raises(UserError, match=said):
        compare(**arguments)


def test_letters():
    found = letters([f"run {i}" for i in range(30)])
    assert list(found.values())[:3] == ["a", "b", "c"]
    assert list(found.values())[25:] == ["z", "aa", "ab", "ac", "ad"]
    assert superscript(["run 0", "run 26"], found) == "a,aa"
    assert superscript(["y", "z"], letters(["x", "y", "z"])) == "bc"


def test_interval_by_hand():
    """Mean 2, standard deviation 1, three values; the .975 quantile of t with 2 degrees of freedom is 4.302653."""
    low, high = mean_interval({"x": 1, "y": 2, "z": 3})
    assert (low, high) == pytest.approx((2 - 4.302653 / math.sqrt(3), 2 + 4.302653 / math.sqrt(3)), abs=1e-6)
    numbers = np.random.default_rng(1).random(40)
    expected = stats.t.interval(0.9, 39, loc=numbers.mean(), scale=stats.sem(numbers))
    assert mean_interval(numbers.tolist(), level=0.9) == pytest.approx(expected, abs=1e-12)
    assert mean_interval([0.5, 0.5, 0.5]) == (0.5, 0.5)


@pytest.mark.parametrize(("values", "level"), [([1.0], 0.95), ([], 0.95), ([1.0, math.nan], 0.95), ([1.0, 2.0], 1.0)])
def test_intervals_that_do_not_exist(values, level):
    with pytest.raises(UserError):
        mean_interval(values, level)
