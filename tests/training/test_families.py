"""Every family learns from groups by the paper's loss."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from lce_tf.losses import LOSSES
from lce_tf.model import checkpoint
from lce_tf.model.config import Scoring
from lce_tf.model.precision import PRECISIONS
from tests.tiny_models import MODELS, tiny

QUICK = ("roberta", "t5")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in MODELS]
)
def test_twenty_steps_lower_the_loss(name, tmp_path):
    one = tiny(name)
    backbone = one.save(tmp_path / "model")
    model = checkpoint.from_backbone(str(backbone), Scoring(), PRECISIONS["float32"], seed=1)
    loss, optimizer = LOSSES["lce"](), keras.optimizers.legacy.Adam(1e-3)
    labels, batch, losses = tf.constant([[1.0, 0.0, 0.0]]), [tf.constant(part) for part in one.batch], []
    variables = model.trainable_variables
    for step in range(20):
        with tf.GradientTape() as tape:
            logits = model.logits(*batch, seed=tf.constant([1, step * 1024]))
            value = tf.reduce_sum(loss(tf.reshape(logits, [1, 3, 1]), labels))
        gradients = tape.gradient(value, variables)
        assert all(gradient is not None for gradient in gradients)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        losses.append(float(value))
    assert np.isfinite(losses).all() and np.mean(losses[-3:]) < 0.8 * np.mean(losses[:3])
