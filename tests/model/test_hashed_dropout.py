import numpy as np
import pytest
import tensorflow as tf

from lce_tf.model.hashed_dropout import dropout, kept, mixed, token_keys


def keys(pairs=64, positions=64, seed=(3, 5)):
    pair, position = np.divmod(np.arange(pairs * positions), positions)
    return token_keys(tf.constant(seed), tf.constant(pair, tf.int32), tf.constant(position, tf.int32))


def test_mixing_is_lowbias32():
    def by_hand(x):
        x ^= x >> 16
        x = x * 0x7FEB352D % 2**32
        x ^= x >> 15
        x = x * 0x846CA68B % 2**32
        return x ^ x >> 16

    values = [0, 1, 77, 2**31, 2**32 - 1]
    assert mixed(tf.constant(values, tf.uint32)).numpy().tolist() == [by_hand(value) for value in values]


def test_a_mask_depends_on_the_pair_and_the_position_alone():
    found = keys().numpy().reshape(64, 64)
    alone = token_keys(tf.constant([3, 5]), tf.constant([9, 9]), tf.constant([0, 41])).numpy()
    assert alone.tolist() == [found[9, 0], found[9, 41]]
    assert len(np.unique(found)) == found.size
    assert (keys(seed=(4, 5)).numpy() != keys().numpy()).all()


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_draws_are_uniform_and_neighbours_independent(rate):
    dropped = ~kept(keys()[:, None], 2, tf.range(256)[None, :], rate).numpy()
    spread = np.sqrt(rate * (1 - rate))

    def sigmas(values):
        """How many standard deviations a mean of independent draws lies from what it should be, 0."""
        return abs(values.mean()) * np.sqrt(values.size)

    centred = (dropped - rate) / spread
    assert sigmas(centred) < 4
    for lag in (1, 2, 7, 64):
        assert sigmas(centred[:, lag:] * centred[:, :-lag]) < 4
        assert sigmas(centred[lag:] * centred[:-lag]) < 4
    other = ~kept(keys()[:, None], 3, tf.range(256)[None, :], rate).numpy()
    assert sigmas(centred * (other - rate) / spread) < 4


def test_kept_entries_are_scaled():
    x = tf.ones([4096, 8])
    out = dropout(x, 0.25, keys(), 1).numpy()
    assert set(np.unique(out)) == {0.0, np.float32(1 / 0.75)}
    assert out.mean() == pytest.approx(1, abs=0.02)
    assert dropout(x, 0.25, None, 1) is x and dropout(x, 0.0, keys(), 1) is x
