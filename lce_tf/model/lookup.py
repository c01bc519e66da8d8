"""Rows of small tables, with a gradient that suits thousands of look-ups of few rows."""

import tensorflow as tf


@tf.custom_gradient
def few_rows(table: tf.Tensor, index: tf.Tensor):
    """table[index], index [n] int32; the gradient is a product with one-hot rows, since many look-ups share a row."""

    def gradient(upstream):
        one_hot = tf.one_hot(index, tf.shape(table)[0], dtype=upstream.dtype)
        return tf.matmul(one_hot, upstream, transpose_a=True), None

    return tf.gather(table, index), gradient
