"""Dropout from an integer hash of (seed, pair, position, site, entry), which a compiler fuses into its neighbours.

A mask depends on the pair and on the token's position in it, never on where the pair lies: a pair has the same masks
in any row, batch or slice, so that a forward pass can be computed again exactly.
"""

import tensorflow as tf

# Number of dropout entries of a token that are reserved for each attention head.
HEAD_ENTRIES = 1024


def _u32(value: int) -> tf.Tensor:
    return tf.constant(value & 0xFFFFFFFF, tf.uint32)


def mixed(x: tf.Tensor) -> tf.Tensor:
    """Spreads every bit of a uint32 tensor over all of them: Chris Wellons' lowbias32."""
    xor, right = tf.bitwise.bitwise_xor, tf.bitwise.right_shift
    x = xor(x, right(x, _u32(16))) * _u32(0x7FEB352D)
    x = xor(x, right(x, _u32(15))) * _u32(0x846CA68B)
    return xor(x, right(x, _u32(16)))


def token_keys(seed: tf.Tensor, pairs: tf.Tensor, positions: tf.Tensor) -> tf.Tensor:
    """[tokens] int32, each token's part of the seed.

    Args:
        seed: [2] int32, of the step.
        pairs: [tokens] int32, the number of the token's pair in the step's batch.
        positions: [tokens] int32, of the token in its pair.
    """
    seed, pairs, positions = (tf.cast(part, tf.uint32) for part in (seed, pairs, positions))
    step = mixed(mixed(seed[0]) + seed[1])
    return tf.bitcast(mixed(mixed(step + pairs * _u32(0x9E3779B9)) + positions * _u32(0x85EBCA6B)), tf.int32)


def kept(keys: tf.Tensor, site: int, entries: tf.Tensor, rate: float) -> tf.Tensor:
    """Which entries a dropout keeps, bool in the shape that `keys` and `entries` broadcast to.

    Args:
        keys: int32, from `token_keys`.
        site: number of the dropout in the model.
        entries: int32, the number of each entry among those of its token.
    """
    base = mixed(tf.bitcast(keys, tf.uint32) + _u32(site * 0x85EBCA6B))
    draws = tf.bitwise.bitwise_xor(base, tf.cast(entries, tf.uint32) * _u32(0x9E3779B9)) * _u32(0x7FEB352D)
    # Only the upper bits decide, and `base` is mixed already: two products are enough.
    draws = tf.bitwise.bitwise_xor(draws, tf.bitwise.right_shift(draws, _u32(15))) * _u32(0x846CA68B)
    return draws >= _u32(threshold(rate))


def threshold(rate: float) -> int:
    """The uint32 under which a draw drops its entry."""
    return min(round(rate * 2**32), 2**32 - 1)


def dropout(x: tf.Tensor, rate: float, keys: tf.Tensor | None, site: int) -> tf.Tensor:
    """`x` [tokens, entries] with a share `rate` of its entries zeroed and the others scaled by 1 / (1 - rate).

    Args:
        keys: [tokens] int32, see `token_keys`; None returns `x` itself.
    """
    if keys is None or rate == 0:
        return x
    keep = kept(keys[:, None], site, tf.range(x.shape[1])[None, :], rate)
    return tf.where(keep, x * tf.cast(1 / (1 - rate), x.dtype), tf.zeros([], x.dtype))
