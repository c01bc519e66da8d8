import numpy as np

from lce_tf.data.judged import known_relevant, with_judged
from lce_tf.data.runs import Run

RUN = Run.build(["q2", "q1", "q3"], [0, 2, 3, 3], ["a", "b", "a"], [5.0, 4.0, 1.5])


def test_what_the_run_lacks_comes_last():
    judged = {"q1": {"a": 1, "longer-id": 2, "c": 1, "d": 0}, "q2": {"b": 1}, "q3": {"a": 1}, "q9": {"z": 1}}
    found = with_judged(RUN, judged)
    assert found.as_dict() == {
        "q2": {"a": 5.0, "b": 4.0},
        "q1": {"a": 1.5, "longer-id": 0.5, "c": 0.5},
        "q3": {"a": 0.5},
    }
    assert found.query_ids.tolist() == RUN.query_ids.tolist()
    np.testing.assert_array_equal(found.passage_ids[2:5], [b"a", b"longer-id", b"c"])


def test_what_is_unknown_is_left_out_and_named():
    judged = {"q1": {"a": 1, "gone": 2, "d": 0}, "q2": {"lost": 1}, "q9": {"z": 1}}
    kept, absent = known_relevant(judged, RUN, lambda names: np.isin(names, [b"a", b"b"]))
    assert kept == {"q1": {"a": 1}} and absent == ["gone", "lost"]
    assert with_judged(RUN, kept) is RUN
    assert known_relevant({}, RUN, None) == ({}, [])


def test_a_run_that_lacks_nothing_stays_as_it_is():
    assert with_judged(RUN, {"q1": {"a": 1}, "q2": {"b": 0}}) is RUN
