"""8-bit dense layers: their weights, the change of scores, and scores that depend only on their pair."""

import numpy as np
import pytest

from lce_tf.reranking.engines import open_engine
from lce_tf.reranking.int8 import compressed
from lce_tf.reranking.openvino_model import exported
from lce_tf.reranking.openvino_runtime import openvino_runtime
from lce_tf.reranking.scoring import score_pairs


def dense_weights(model):
    """MatMul's name -> its [outputs, inputs] weights, where these are constant."""
    found = {}
    for node in model.get_ordered_ops():
        if node.get_type_name() == "MatMul" and node.get_attributes()["transpose_b"]:
            source = node.input_value(1).get_node()
            if source.get_type_name() == "Constant":
                found[node.get_friendly_name()] = source.get_data().astype(np.float32)
    return found


def test_weights_are_rounded_to_the_nearest_of_255_steps(checkpoints):
    openvino = openvino_runtime()
    file = str(exported(checkpoints[1]))
    before, after = dense_weights(openvino.Core().read_model(file)), compressed(openvino.Core().read_model(file))
    kept, changed = dense_weights(after), 0
    for node in after.get_ordered_ops():
        source = node.input_value(1).get_node() if node.get_type_name() == "MatMul" else None
        if source is None or source.get_type_name() != "Multiply":
            continue
        whole, scale = (source.input_value(i).get_node() for i in range(2))
        steps = whole.input_value(0).get_node().get_data()
        weights = before[node.get_friendly_name()]
        assert steps.dtype == np.int8 and np.abs(steps).max(axis=1).min() == 127
        step = np.abs(weights).max(axis=1, keepdims=True) / 127
        np.testing.assert_allclose(scale.get_data(), step, rtol=1e-6)
        assert (np.abs(steps * step - weights) <= step * 0.5001).all()
        changed += 1
    # Six a layer, of two layers, and nothing that is wide enough was left out.
    assert changed == 12 and all(min(weights.shape) < 32 for weights in kept.values())


@pytest.mark.parametrize("tokens", [16 * 40, 40 * 40])
def test_scores_are_near_and_the_same_at_every_place(checkpoints, packer, pairs, tokens):
    exact = score_pairs(open_engine(checkpoints[1], "openvino", "float32"), packer, *pairs)[:, 0]
    engine = open_engine(checkpoints[1], "openvino", "int8")
    engine.tokens = tokens
    here = score_pairs(engine, packer, *pairs)[:, 0]
    assert engine.precision == "int8" and (here != exact).any() and np.corrcoef(exact, here)[0, 1] > 0.98
    some = np.random.default_rng(1).permutation(720)[:300]
    there = score_pairs(engine, packer, pairs[0][some], pairs[1][some])[:, 0]
    np.testing.assert_array_equal(there, here[some])
