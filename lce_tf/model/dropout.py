"""Dropout whose mask is a pure function of a seed, so that a forward pass can be replayed exactly."""

import tensorflow as tf

# Random numbers are drawn as 16-bit integers, two to a 32-bit word: half the cost of floats, and the rate is
# met to 1 / 65536.
LEVELS = 1 << 16


def keep(shape, rate: float, seed: tf.Tensor, site: int, dtype) -> tf.Tensor:
    """A mask of the given shape and dtype: 0 for a share `rate` of its entries, else 1.

    Args:
        rate: 0 <= rate < 1.
        seed: [2] int32; the same seed and site give the same mask.
        site: which of the model's dropouts this is, so that no two share a mask.
    """
    size = tf.reduce_prod(shape)
    words = tf.random.stateless_uniform(
        [(size + 1) // 2], seed=seed + tf.constant([0, site]), minval=None, maxval=None, dtype=tf.uint32
    )
    draws = tf.reshape(tf.bitcast(words, tf.uint16), [-1])[:size]
    return tf.reshape(tf.cast(tf.cast(draws, tf.int32) >= round(rate * LEVELS), dtype), shape)


def dropout(x: tf.Tensor, rate: float, seed: tf.Tensor | None, site: int) -> tf.Tensor:
    """`x`, of any shape and floating dtype, times `keep` and `1 / (1 - rate)`; `x` itself if `seed` is None."""
    if seed is None or rate == 0:
        return x
    return x * keep(tf.shape(x), rate, seed, site, x.dtype) * tf.cast(1 / (1 - rate), x.dtype)
