"""MaxP in training: a document's logits are those of its best window."""

import tensorflow as tf

from lce_tf.model.config import Scoring


def best_window_logits(logits: tf.Tensor, order: tf.Tensor, windows: int, scoring: Scoring) -> tf.Tensor:
    """Each document's logits in the window that scores highest, the first of equal ones.

    The gradient reaches only that window, as with any maximum.

    Args:
        logits: [rows, outputs] float32.
        order: [documents * windows] int32 rows of the documents' windows, -1 for a window that a document does not
            have; its first is always there.
        windows: number of windows per document, missing ones included.
        scoring: how the logits make a score.

    Returns:
        [documents, outputs] float32.
    """
    if windows == 1:
        return tf.gather(logits, order)
    order = tf.reshape(order, [-1, windows])
    scores = scoring.score(tf.gather(tf.stop_gradient(logits), tf.maximum(order, 0)))
    best = tf.argmax(tf.where(order < 0, -float("inf"), scores), axis=1)
    return tf.gather(logits, tf.gather(order, best, batch_dims=1))
