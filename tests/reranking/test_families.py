"""Engines give the scores of transformers for every family, the same bits whatever else is in a batch."""

import numpy as np
import pytest
import tensorflow as tf

from lce_tf.model import checkpoint
from lce_tf.model.tracing import filled
from lce_tf.reranking.openvino_engine import OpenVinoEngine
from lce_tf.reranking.openvino_model import export_openvino
from lce_tf.tokens.packing import PaddedPairs
from tests.tiny_models import MODELS, tiny

# Of what the head reads, the two that are not [CLS].
QUICK = ("modernbert-mean", "t5-gated")
ALL = [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in MODELS]


@pytest.mark.parametrize("name", ALL)
def test_openvino(name, tmp_path, caplog):
    one = tiny(name)
    export_openvino(checkpoint.load(one.save(tmp_path / "model")), tmp_path / "openvino.xml")
    assert "not built" not in caplog.text
    for precision, tolerance in (("float32", 1e-5), ("bfloat16", 0.06), ("int8", 0.1)):
        found = OpenVinoEngine(tmp_path / "openvino.xml", precision).start(PaddedPairs(*one.batch))()
        np.testing.assert_allclose(found[:3], one.logits, atol=tolerance)


@pytest.mark.parametrize("name", ALL)
def test_a_score_is_the_same_bits_in_a_batch_of_any_size(name, tmp_path):
    one = tiny(name)
    model = checkpoint.load(one.save(tmp_path / "model"))
    ids, type_0_lengths, lengths = one.batch
    ids = np.pad(ids, [[0, 0], [0, 8]])
    signature = [tf.TensorSpec([None, None], tf.int32), *[tf.TensorSpec([None], tf.int32)] * 2]

    @tf.function(input_signature=signature)
    def logits(*packed):
        with filled(model):
            return model.logits(*packed)

    def of(rows):
        return logits(ids[rows], type_0_lengths[rows], lengths[rows]).numpy()[: len(rows)]

    together = of([0, 1, 2])
    np.testing.assert_array_equal(np.concatenate([of([row]) for row in range(3)]), together)
    np.testing.assert_array_equal(of([0, 1, 2] * 7)[-3:], together)
