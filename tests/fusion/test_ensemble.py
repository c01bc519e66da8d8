"""The mean of several models' logits."""

from pathlib import Path

import numpy as np
import pytest

from lce_tf.data.runs import Run
from lce_tf.errors import UserError
from lce_tf.fusion.ensemble import mean_logits
from lce_tf.fusion.inputs import Listed, listed
from lce_tf.reranking.outputs import write_reranked


def scored(path: str, rows: list[tuple[str, float]], **raw) -> Listed:
    """A written run of the query q with these passages and logits (NaN: not scored), read again."""
    logits = np.array([logit for _, logit in rows], np.float32)
    shown = np.where(np.isnan(logits), -50 - np.arange(len(rows)), logits)
    run = Run.build(["q"], [0, len(rows)], [passage for passage, _ in rows], shown)
    write_reranked(run, {"scores": logits, **raw}, path, {})
    return listed(path, "raw")


def test_means_order_and_the_rest_stays_below(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    nan = float("nan")
    one = scored("one", [("a", 3.0), ("b", 1.0), ("c", 0.0), ("y", nan), ("x", nan)])
    two = scored("two", [("b", 5.0), ("c", 2.0), ("a", -2.0), ("y", nan), ("x", nan)])
    run, raw = mean_logits([one, two], "both")
    assert run.passage_ids.tolist() == [b"b", b"c", b"a", b"y", b"x"]
    np.testing.assert_array_equal(raw["scores"], np.float32([3, 1, 0.5, nan, nan]))
    np.testing.assert_array_equal(raw["from_1"], np.float32([1, 0, 3, nan, nan]))
    np.testing.assert_array_equal(raw["from_2"], np.float32([5, 2, -2, nan, nan]))


def test_logits_are_taken_where_the_run_shows_something_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one = scored("one", [("a", 0.9), ("b", 0.2)], logits=np.float32([9, 1]))
    assert one.values.tolist() == [9, 1]


def test_other_pairs_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one = scored("one", [("a", 3.0), ("b", 1.0)])
    with pytest.raises(UserError, match="two: has 1 scored pairs, one 2; rerank the same run to the same --depth"):
        mean_logits([one, scored("two", [("a", 3.0)])], "both")
    with pytest.raises(UserError, match="three: passage b of query q is not scored there, but in one"):
        mean_logits([one, scored("three", [("a", 3.0), ("c", 1.0)])], "both")


def test_a_run_that_changed_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scored("one", [("a", 3.0), ("b", 1.0)])
    Path("one").write_text("q Q0 b 1 2 t\nq Q0 a 2 1 t\n")
    with pytest.raises(UserError, match="one: has changed since one.json was written"):
        listed("one")
    assert listed("one", "file").values.tolist() == [2, 1]
