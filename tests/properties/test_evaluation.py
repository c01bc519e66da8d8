"""Measures and ties: within their bounds for any run and judgments."""

import numpy as np
from hypothesis import strategies as st

from lce_tf.data.runs import Run
from lce_tf.evaluation.measures import evaluate
from lce_tf.evaluation.ties import ties
from tests.properties.fuzz import fuzzed

MEASURES = ["RR@10", "RR(rel=2)@2", "AP", "AP@3", "nDCG", "nDCG@2", "P@3", "R@2", "Success@1", "Rprec", "Bpref", "SetP"]
PASSAGES = st.sampled_from([f"p{number}" for number in range(9)])
QUERIES = st.sampled_from(["q1", "q2", "q3", "q4"])


@fuzzed(
    40,
    lists=st.dictionaries(QUERIES, st.dictionaries(PASSAGES, st.integers(0, 3), min_size=1), min_size=1),
    qrels=st.dictionaries(QUERIES, st.dictionaries(PASSAGES, st.integers(-1, 3)), min_size=1),
)
def test_what_ties_leave_open(lists, qrels):
    rows = [row for found in lists.values() for row in found.items()]
    offsets = np.cumsum([0, *map(len, lists.values())])
    run = Run.build(list(lists), offsets, [name for name, _ in rows], [score for _, score in rows])
    values = evaluate(run, qrels, MEASURES)
    found = ties(run, qrels, values)
    for name in MEASURES:
        for query_id in qrels:
            worst, expected, best = (part[name][query_id] for part in (found.worst, found.expected, found.best))
            assert 0 <= worst <= values[name][query_id] <= best <= 1 + 1e-12
            assert worst - 1e-12 <= expected <= best + 1e-12
    pairs = sum(len(part) * (len(part) - 1) // 2 for name, part in lists.items() if name in qrels)
    tied = sum(
        sum(a == b for a in part.values() for b in part.values()) - len(part)
        for name, part in lists.items()
        if name in qrels
    )
    assert (found.pairs, found.tied_pairs) == (pairs, tied // 2)
