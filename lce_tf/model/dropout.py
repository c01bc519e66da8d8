"""Dropout whose mask is a pure function of a seed, so that a forward pass can be replayed exactly."""

import tensorflow as tf

from lce_tf.model.grid import Grid

# Random numbers are drawn as 16-bit integers, two to a 32-bit word: half the cost of floats, and the rate is
# met to 1 / 65536.
LEVELS = 1 << 16


def dropout(x: tf.Tensor, rate: float, seed: tf.Tensor | None, site: int, grid: Grid | None = None) -> tf.Tensor:
    """`x` with a share `rate` of its entries zeroed and the others scaled by `1 / (1 - rate)`.

    Args:
        x: any shape and floating dtype.
        rate: probability of zeroing an entry, 0 <= rate < 1.
        seed: [2] int32; the same seed and site give the same mask. None returns `x` itself.
        site: which of the model's dropouts this is, so that no two share a mask.
        grid: given if x is of its computed tokens, [tokens, n]. A token's mask is the same with and without padding.
    """
    if seed is None or rate == 0:
        return x
    shape = tf.shape(x) if grid is None else tf.stack([grid.batch * grid.length, tf.shape(x)[1]])
    size = tf.reduce_prod(shape)
    words = tf.random.stateless_uniform(
        [(size + 1) // 2], seed=seed + tf.constant([0, site]), minval=None, maxval=None, dtype=tf.uint32
    )
    draws = tf.reshape(tf.bitcast(words, tf.uint16), [-1])[:size]
    keep = tf.cast(tf.cast(draws, tf.int32) >= round(rate * LEVELS), x.dtype)
    keep = tf.reshape(keep, shape)
    return x * (keep if grid is None else grid.computed(keep)) * tf.cast(1 / (1 - rate), x.dtype)
