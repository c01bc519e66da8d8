"""Expected values under ties, compared with hand calculation and with the mean over all orders by pytrec_eval."""

import itertools
import math

import numpy as np
import pytest

from lce_tf.data.runs import Run
from lce_tf.evaluation.expected import UNJUDGED, TiedList, expected_value
from lce_tf.evaluation.measures import evaluate, parse_measure

MEASURES = [
    "RR", "RR@1", "RR@3", "RR(rel=2)@4", "AP", "AP@3", "AP(rel=2)", "AP(rel=2)@2", "nDCG", "nDCG@1", "nDCG@3", "P@1",
    "P@4", "P(rel=2)@9", "R@2", "R(rel=2)@4", "Success@1", "Success@3", "Success(rel=2)@2", "Rprec", "Rprec(rel=2)",
    "Bpref", "Bpref(rel=2)",
]  # fmt: skip


def tied(*groups, elsewhere=()):
    """A list of groups of grades; `elsewhere` are grades of judged passages that are not in it."""
    grades = np.array([grade for group in groups for grade in group], np.int64)
    judged = np.array([grade for grade in (*grades.tolist(), *elsewhere) if grade != UNJUDGED], np.int64)
    return TiedList(grades, np.cumsum([0, *map(len, groups)]), judged)


@pytest.mark.parametrize(
    ("measure", "groups", "expected"),
    [
        ("RR", [(1, UNJUDGED)], (1 + 1 / 2) / 2),
        ("RR", [(0,), (UNJUDGED, 1, 0)], (1 / 2 + 1 / 3 + 1 / 4) / 3),
        ("RR@2", [(0,), (UNJUDGED, 1, 0)], (1 / 2) / 3),
        ("RR", [(1, 1, 0)], (1 + 1 + 1 / 2) / 3),
        # Two relevant among three: at ranks 1 and 2, 1 and 3, or 2 and 3.
        ("AP", [(1, 1, 0)], (1 + (1 + 2 / 3) / 2 + (1 / 2 + 2 / 3) / 2) / 3),
        ("AP@2", [(1, 1, 0)], (1 + 1 / 2 + (1 / 2) / 2) / 3),
        ("nDCG@1", [(3, 0)], 1 / 2),
        ("nDCG@2", [(3, 1)], ((3 + 1 / math.log2(3)) + (1 + 3 / math.log2(3))) / 2 / (3 + 1 / math.log2(3))),
        ("P@2", [(1, 0, 0)], 2 / 3 / 2),
        ("R@2", [(1, 0, 0)], 2 / 3),
        ("Success@1", [(1, 0, 0)], 1 / 3),
        ("Success@2", [(1, 1, 0, 0)], 5 / 6),
        ("Rprec", [(1,), (1, 0)], 3 / 4),
        # One relevant and one not: with R = N = 1 the preference holds or not.
        ("Bpref", [(1, 0)], 1 / 2),
    ],
)
def test_by_hand(measure, groups, expected):
    assert expected_value(parse_measure(measure), tied(*groups)) == pytest.approx(expected, abs=1e-12)


def every_order(groups):
    return [sum(order, ()) for order in itertools.product(*(itertools.permutations(group) for group in groups))]


def values_of_every_order(groups, elsewhere):
    """measure -> value of each order, by pytrec_eval: every order is a query of its own."""
    ids = {f"p{index:02}": grade for index, grade in enumerate(grade for group in groups for grade in group)}
    names = iter(ids)
    orders = every_order([[next(names) for _ in group] for group in groups])
    judged = {name: grade for name, grade in ids.items() if grade != UNJUDGED}
    judged |= {f"x{index}": grade for index, grade in enumerate(elsewhere)}
    width = len(ids)
    run = Run(
        query_ids=np.array([f"{number}".encode() for number in range(len(orders))]),
        offsets=np.arange(len(orders) + 1) * width,
        passage_ids=np.array([name.encode() for order in orders for name in order]),
        scores=-np.tile(np.arange(width, dtype=np.float64), len(orders)),
    )
    values = evaluate(run, {f"{number}": judged for number in range(len(orders))}, MEASURES)
    return {name: list(found.values()) for name, found in values.items()}


def cases():
    generator = np.random.default_rng(5)
    for number in range(14):
        sizes = [[4, 1, 2], [2, 3, 1], [1, 4], [3, 2, 2], [5]][number % 5]
        groups = [tuple(generator.choice([UNJUDGED, 0, 0, 1, 2, 3], size).tolist()) for size in sizes]
        yield groups, tuple(generator.choice([0, 1, 2], generator.integers(0, 4)).tolist())
    yield [(0, 0, UNJUDGED)], ()  # nothing relevant
    yield [(0, 0, UNJUDGED)], (1, 2)  # nothing relevant in the list
    yield [(1, 2, 1), (3, 1)], ()  # nothing that is not
    yield [(-2, 1, 0), (2, -2)], (-2, 1)  # grades below 0, as some collections give spam


@pytest.mark.parametrize(("groups", "elsewhere"), list(cases()))
def test_against_every_order(groups, elsewhere):
    found = {name: expected_value(parse_measure(name), tied(*groups, elsewhere=elsewhere)) for name in MEASURES}
    everything = values_of_every_order(groups, elsewhere)
    assert found == pytest.approx({name: math.fsum(vs) / len(vs) for name, vs in everything.items()}, abs=1e-9)
