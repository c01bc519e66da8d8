"""Ties: best, worst and expected values by hand and over all orders, the share of ties, and trec_eval's order."""

import itertools
import math
from pathlib import Path

import numpy as np
import pytest

from lce_tf.data.qrels import read_qrels
from lce_tf.data.runs import Run, read_run
from lce_tf.evaluation.measures import evaluate, mean
from lce_tf.evaluation.ties import ties

FILES = Path(__file__).parents[1] / "files"
MEASURES = [
    "RR@10",
    "RR@2",
    "AP",
    "AP@3",
    "nDCG",
    "nDCG@2",
    "P@3",
    "R@2",
    "Success@1",
    "Rprec",
    "Bpref",
    "SetP",
    "SetAP",
]


def run_of(**lists):
    """A Run of query id -> [(passage id, score)]."""
    rows = [row for found in lists.values() for row in found]
    offsets = np.cumsum([0, *map(len, lists.values())])
    return Run.build(list(lists), offsets, [passage for passage, _ in rows], [score for _, score in rows])


def left_open(run, qrels, measures):
    return ties(run, qrels, evaluate(run, qrels, measures))


def test_by_hand():
    run = run_of(
        q=[("a", 3), ("b", 2), ("c", 2), ("d", 2), ("e", 1)], r=[("a", 2), ("b", 1)], unjudged=[("a", 1), ("b", 1)]
    )
    found = left_open(run, {"q": {"c": 1}, "r": {"b": 1}, "lost": {"a": 1}}, ["RR@10", "Success@2"])
    assert found.worst["RR@10"] == {"q": 1 / 4, "r": 1 / 2, "lost": 0}
    assert found.best["RR@10"] == {"q": 1 / 2, "r": 1 / 2, "lost": 0}
    assert found.expected["RR@10"] == pytest.approx({"q": (1 / 2 + 1 / 3 + 1 / 4) / 3, "r": 1 / 2, "lost": 0})
    assert found.expected["Success@2"] == pytest.approx({"q": 1 / 3, "r": 1, "lost": 0})
    # b, c and d make 3 of the 10 pairs of q; r has one more pair.
    assert (found.queries, found.tied_pairs, found.pairs, found.share) == (1, 3, 11, 3 / 11)


def test_only_equal_64_bit_scores_are_tied():
    run = run_of(q=[("a", 1.000000001), ("b", 1.0), ("c", 0.0), ("d", -0.0)])
    assert left_open(run, {"q": {"d": 1}}, ["RR"]).tied_pairs == 1


def test_without_ties_all_is_the_value_itself():
    run = run_of(q=[("a", 3), ("b", 2), ("c", 1)], single=[("a", 1)])
    qrels = {"q": {"b": 2, "c": 1}, "single": {"a": 1}, "nothing judged": {}}
    values = evaluate(run, qrels, MEASURES)
    found = ties(run, qrels, values)
    assert found.worst == found.expected == found.best == values
    assert (found.queries, found.tied_pairs, found.pairs, found.share) == (0, 0, 3, 0)
    assert left_open(run_of(single=[("a", 1)]), {"single": {"a": 1}}, ["RR"]).share == 0


def every_order(scores):
    """All orders of indices that scores, best first, allow."""
    groups = [list(group) for _, group in itertools.groupby(range(len(scores)), key=lambda index: scores[index])]
    return [sum(order, ()) for order in itertools.product(*map(itertools.permutations, groups))]


def test_against_every_order():
    generator = np.random.default_rng(11)
    lists, qrels = {}, {}
    for number in range(12):
        names = [f"p{index}" for index in range(generator.integers(1, 6))]
        scores = np.sort(generator.integers(0, 3, len(names)))[::-1].astype(float)
        lists[f"q{number}"] = list(zip(names, scores.tolist(), strict=True))
        judged = [name for name in (*names, "elsewhere") if generator.random() < 0.7]
        qrels[f"q{number}"] = {name: int(generator.integers(-1, 4)) for name in judged}
    run = run_of(**lists)
    found = left_open(run, qrels, MEASURES)
    for number, (query_id, rows) in enumerate(lists.items()):
        names = run.passage_ids[run.offsets[number] : run.offsets[number + 1]].tolist()
        orders = every_order([score for _, score in rows])
        orderly = {
            f"{i}": [(names[index].decode(), -rank) for rank, index in enumerate(o)] for i, o in enumerate(orders)
        }
        values = evaluate(run_of(**orderly), dict.fromkeys(orderly, qrels[query_id]), MEASURES)
        for name in MEASURES:
            got = (found.worst[name][query_id], found.expected[name][query_id], found.best[name][query_id])
            each = list(values[name].values())
            assert got == pytest.approx((min(each), math.fsum(each) / len(each), max(each)), abs=1e-9), name


def test_trec_evals_own_order_of_a_real_run_lies_between():
    """The figures are those that trec_eval prints for the run as it stands, ties by passage id (see test_measures)."""
    run, qrels = read_run(FILES / "dl19.colbert.trec.gz"), read_qrels(FILES / "dl19.qrels.txt.gz")
    printed = {"RR@10": 0.8375, "RR(rel=2)@10": 0.6813, "AP(rel=2)": 0.4886, "nDCG@10": 0.6466, "Bpref(rel=2)": 0.4460}
    found = left_open(run, qrels, list(printed))
    for name, value in printed.items():
        worst, expected, best = (mean(part[name]) for part in (found.worst, found.expected, found.best))
        assert worst - 5e-5 <= value <= best + 5e-5 and worst <= expected <= best and worst < best


def test_thousands_of_tied_queries():
    """Every passage of every list tied: with one relevant among k, the expected RR is the harmonic mean H(k) / k."""
    queries, depth = 1200, 50
    lists = {f"q{number}": [(f"p{index:02}", 0.5) for index in range(depth)] for number in range(queries)}
    qrels = {name: {f"p{number % depth:02}": 1} for number, name in enumerate(lists)}
    found = left_open(run_of(**lists), qrels, ["RR"])
    assert mean(found.expected["RR"]) == pytest.approx(sum(1 / rank for rank in range(1, depth + 1)) / depth)
    assert (mean(found.worst["RR"]), mean(found.best["RR"]), found.share) == (pytest.approx(1 / depth), 1, 1)
