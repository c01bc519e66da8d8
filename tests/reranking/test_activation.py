"""Activations change the written scores and never the order."""

import math

import numpy as np

from lce_tf.data.runs import Run, written_scores
from lce_tf.reranking.activation import activate, activated
from lce_tf.reranking.order import reordered

RUN = Run.build(["q1", "q2"], [0, 4, 6], ["a", "b", "c", "d", "a", "e"], [9, 8, 7, 6, 2, 1])


def test_sigmoid_by_hand():
    found = activate(np.float32([0, 2, -2, 100, -100]), "sigmoid")
    expected = [0.5, 1 / (1 + math.exp(-2)), 1 / (1 + math.exp(2)), 1.0, math.exp(-100)]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert np.isnan(activate(np.float32([np.nan]), "sigmoid")).all()


def test_tanh_by_hand():
    found = activate(np.float32([0, 2, -2]), "tanh")
    np.testing.assert_allclose(found, [0, math.tanh(2), -math.tanh(2)], rtol=1e-12)


def test_identity_changes_nothing():
    ranked, raw = reordered(RUN, RUN, np.float32([1, 2, 3, 4, 5, 6]), "new")
    assert activated(ranked, raw, "identity") == (ranked, raw)


def test_the_order_is_that_of_the_scores_where_float32_sees_no_difference():
    # Sigmoids of 20 and 21 are 1 in float32; d was not scored.
    ranked, raw = activated(*reordered(RUN, RUN.cut(3), np.float32([20, 21, -1, 0, 3]), "new"), "sigmoid")
    assert ranked.passage_ids.tolist() == [b"b", b"a", b"c", b"d", b"e", b"a"] and ranked.tag == "new"
    expected = np.float32([1, 1, 1 / (1 + math.e), np.nan, 1 / (1 + math.exp(-3)), 0.5])
    np.testing.assert_allclose(raw, expected, rtol=1e-6)
    assert raw.dtype == np.float32
    written = written_scores(ranked)
    assert (np.diff(written[:4]) < 0).all() and written[3] < written[2] - 1 and written[5] < written[4]


def test_queries_without_passages():
    run = Run.build(["q1", "q2"], [0, 0, 1], ["a"], [1])
    ranked, raw = activated(run, np.float32([0]), "sigmoid")
    assert ranked.scores.tolist() == [0.5] and raw.tolist() == [0.5]
