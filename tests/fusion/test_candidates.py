"""The union of runs: its order, what each run says, and ties."""

import numpy as np

from lce_tf.fusion.candidates import Candidates, weighted
from tests.fusion.conftest import A, B, run_of


def test_the_union_in_order_of_appearance():
    runs = [run_of(A), run_of({"q9": {"d0": 1.0}, **B})]
    both = Candidates.of(runs)
    assert both.query_ids.tolist() == [b"q1", b"q2", b"q9"] and both.offsets.tolist() == [0, 5, 8, 9]
    assert both.passage_ids.tolist() == [b"d1", b"d2", b"d3", b"d4", b"d6", b"d1", b"d5", b"d2", b"d0"]
    for run, rows in zip(runs, both.rows, strict=True):
        assert both.passage_ids[rows].tolist() == run.passage_ids.tolist()


def test_what_a_run_lacks():
    both = Candidates.of([run_of(A), run_of({"q1": B["q1"]})])
    scores = [run_of(A).scores, run_of({"q1": B["q1"]}).scores]
    table = both.table(scores)
    assert table[0].tolist() == [12.0, 0.2] and np.isnan(table[1, 1]) and np.isnan(table[5, 1])
    filled = both.table(scores, lowest=True)
    assert filled[1, 1] == -0.4 and filled[4, 0] == 1.0  # the lowest of the other list
    assert filled[5, 1] == 0.0  # of a query that the run lacks altogether


def test_the_same_values_from_different_runs_tie_and_stand_as_they_came():
    table = np.array([[0.1, 0.2, 0.3], [0.2, 0.3, 0.1], [0.2, np.nan, np.nan]])
    sums = weighted(table, (1, 1, 1))
    assert (0.1 + 0.2) + 0.3 != (0.2 + 0.3) + 0.1  # added as they come, they would not
    assert sums[0] == sums[1] and sums[2] == 0.2
    union = Candidates.of([run_of({"q": {"x": 3.0, "y": 2.0, "z": 1.0}})])
    run, order = union.ordered(np.array([1.0, 1.0, 2.0]))
    assert run.passage_ids.tolist() == [b"z", b"x", b"y"] and order.tolist() == [2, 0, 1]
