import numpy as np
import pytest
import tensorflow as tf

from lce_tf.model.dropout import LEVELS, dropout

SEED = tf.constant([3, 5], tf.int32)


def mask(rate=0.1, seed=SEED, site=0, shape=(999, 1001)):
    return dropout(tf.ones(shape), rate, seed, site).numpy()


def test_none_seed_and_rate_zero_are_identity():
    x = tf.ones([2, 3])
    assert dropout(x, 0.5, None, 0) is x
    assert dropout(x, 0.0, SEED, 0) is x


def test_mask_is_a_function_of_seed_and_place():
    assert np.array_equal(mask(), mask())
    assert np.array_equal(mask(), tf.function(mask_in_graph)(SEED).numpy())
    tf.random.set_seed(1)
    assert np.array_equal(mask(), mask())


def mask_in_graph(seed):
    return dropout(tf.ones([999, 1001]), 0.1, seed, 0)


@pytest.mark.parametrize("other", [{"site": 1}, {"seed": tf.constant([3, 6])}, {"seed": tf.constant([4, 5])}])
def test_another_seed_or_place_gives_an_independent_mask(other):
    # Two independent masks agree in .9 * .9 + .1 * .1 = .82 of the entries; 5 standard deviations are .002.
    agree = np.mean((mask() == 0) == (mask(**other) == 0))
    assert agree == pytest.approx(0.82, abs=0.002)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_kept_share_and_expected_value(rate):
    values = mask(rate)
    kept = values != 0
    deviation = (rate * (1 - rate) / values.size) ** 0.5
    assert kept.mean() == pytest.approx(1 - rate, abs=5 * deviation)
    np.testing.assert_allclose(values[kept], 1 / (1 - rate), rtol=1e-6)
    assert values.mean(dtype=np.float64) == pytest.approx(1, abs=5 * deviation / (1 - rate) + 1e-5)


@pytest.mark.parametrize("rate", [0.1, 0.25, 1 / 3])
def test_rate_is_met_to_one_level(rate, monkeypatch):
    """With every 16-bit number drawn once, the zeroed share is the rate to within half a level."""
    every = np.arange(LEVELS, dtype=np.uint16).view(np.uint32)
    monkeypatch.setattr(tf.random, "stateless_uniform", lambda shape, **_: tf.constant(every))
    zeroed = (dropout(tf.ones([LEVELS]), rate, SEED, 0).numpy() == 0).sum()
    assert abs(zeroed - rate * LEVELS) <= 0.5


def test_gradient_uses_the_same_mask():
    x = tf.Variable(np.random.default_rng(0).normal(size=[7, 9]).astype(np.float32))
    with tf.GradientTape() as tape:
        y = dropout(x, 0.4, SEED, 2)
    gradient = tape.gradient(y, x).numpy()
    assert 0 < (gradient == 0).sum() < gradient.size
    np.testing.assert_allclose(gradient, mask(0.4, site=2, shape=(7, 9)))
    np.testing.assert_allclose(y, gradient * x.numpy(), rtol=1e-6)


@pytest.mark.parametrize("shape", [[], [1], [3, 5, 7], [0, 4]])
def test_any_shape(shape):
    assert dropout(tf.ones(shape), 0.3, SEED, 0).shape == shape


@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16])
def test_dtype_is_kept(dtype):
    result = dropout(tf.ones([4, 5], dtype), 0.3, SEED, 0)
    assert result.dtype == dtype
    same = mask(0.3, shape=(4, 5))
    np.testing.assert_allclose(tf.cast(result, tf.float32), same, rtol=0.01)
