import math

import numpy as np
import pytest
import tensorflow as tf

from lce_tf.model.activations import ACTIVATIONS, gelu

X = np.linspace(-6, 6, 61).astype(np.float32)


def test_gelu_by_hand():
    # x Phi(x): Phi(1) = .8413447, Phi(-1) = .1586553.
    np.testing.assert_allclose(gelu(tf.constant([0.0, 1.0, -1.0])), [0, 0.8413447, -0.1586553], atol=1e-6)


def test_gelu_equals_tensorflows():
    np.testing.assert_allclose(gelu(tf.constant(X)), tf.nn.gelu(X, approximate=False), atol=1e-6)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_equals_transformers(name):
    import torch
    from transformers.activations import ACT2FN

    expected = ACT2FN[name](torch.tensor(X)).numpy()
    np.testing.assert_allclose(ACTIVATIONS[name](tf.constant(X)), expected, atol=1e-6)


def test_gelu_gradient():
    theory, numeric = tf.test.compute_gradient(gelu, [tf.constant(X)], delta=1e-2)
    np.testing.assert_allclose(theory[0], numeric[0], atol=2e-3)
    # Phi(x) + x phi(x) in double precision.
    expected = [0.5 * (1 + math.erf(x / 2**0.5)) + x * math.exp(-x * x / 2) / math.sqrt(2 * math.pi) for x in X]
    np.testing.assert_allclose(np.diag(theory[0]), expected, atol=1e-6)
    with tf.GradientTape() as tape:
        tape.watch(x := tf.constant(X))
        y = tf.nn.gelu(x, approximate=False) * 3.0
    with tf.GradientTape() as ours:
        ours.watch(x)
        z = gelu(x) * 3.0
    np.testing.assert_allclose(ours.gradient(z, x), tape.gradient(y, x), atol=3e-6)


@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16])
def test_gelu_in_half_precision(dtype):
    # 1000 squared is beyond float16; the gradient there is 1 (or 0) all the same.
    x = tf.constant([-1000, -2, -0.5, 0, 0.5, 2, 1000], dtype)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = gelu(x)
    gradient = tape.gradient(y, x)
    assert y.dtype == gradient.dtype == dtype
    np.testing.assert_allclose(tf.cast(y, tf.float32), tf.nn.gelu(tf.cast(x, tf.float32)), rtol=0.02, atol=0.02)
    np.testing.assert_allclose(
        tf.cast(gradient, tf.float32), [0, -0.0852, 0.1325, 0.5, 0.8675, 1.0852, 1], rtol=0.02, atol=0.02
    )
