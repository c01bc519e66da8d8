"""A loss and its gradient for scores and labels that were worked by hand."""

import numpy as np
import tensorflow as tf

NONE = float("nan")


def worked(layer, scores, labels) -> tuple[np.ndarray, np.ndarray]:
    """[queries] losses and their [queries, group] gradient; scores and labels are [queries, group]."""
    logits = tf.constant(scores, tf.float32)[..., None]
    with tf.GradientTape() as tape:
        tape.watch(logits)
        values = layer(logits, tf.constant(labels, tf.float32))
    assert values.dtype == tf.float32 and values.shape == logits.shape[:1]
    return values.numpy(), tape.gradient(values, logits).numpy()[..., 0]
