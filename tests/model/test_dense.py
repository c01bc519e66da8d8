import numpy as np
import pytest
import tensorflow as tf

from lce_tf.model.dense import Dense, bfloat16_product
from lce_tf.model.precision import PRECISIONS

RNG = np.random.default_rng(2)
X = RNG.normal(size=[33, 64]).astype(np.float32)
KERNEL = (RNG.normal(size=[64, 24]) / 8).astype(np.float32)
UPSTREAM = RNG.normal(size=[33, 24]).astype(np.float32)


def rounded(a):
    return tf.cast(tf.cast(a, tf.bfloat16), tf.float32).numpy()


def product_and_gradients(function, x=X, kernel=KERNEL, upstream=UPSTREAM):
    x, kernel = tf.constant(x), tf.constant(kernel)
    with tf.GradientTape() as tape:
        tape.watch([x, kernel])
        y = function(x, kernel)
    return [y.numpy()] + [g.numpy() for g in tape.gradient(y, [x, kernel], output_gradients=tf.constant(upstream))]


def test_product_and_gradients_are_near_float32():
    for ours, exact in zip(product_and_gradients(bfloat16_product), product_and_gradients(tf.matmul), strict=True):
        assert ours.dtype == np.float32
        # bfloat16 has 8 bits: errors are of the order 1/256 of the result's size.
        np.testing.assert_allclose(ours, exact, atol=0.02 * np.abs(exact).max())


def test_only_the_operands_are_rounded():
    """Float32 products of the rounded operands differ by no more than the rounding of the result to bfloat16."""
    ours = product_and_gradients(bfloat16_product)
    expected = product_and_gradients(tf.matmul, rounded(X), rounded(KERNEL), rounded(UPSTREAM))
    for got, wanted in zip(ours, expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=2**-8, atol=1e-5)


@pytest.mark.parametrize(
    "precision, dtype",
    [
        ("float32", "float32"),
        ("products_bfloat16", "float32"),
        ("mixed_bfloat16", "bfloat16"),
        ("mixed_float16", "float16"),
    ],
)
def test_dense_layer(precision, dtype):
    layer = Dense(64, 24, 0.02, PRECISIONS[precision], "dense")
    layer.kernel.assign(KERNEL)
    layer.bias.assign(np.arange(24))
    assert layer.kernel.dtype == layer.bias.dtype == tf.float32
    with tf.GradientTape() as tape:
        y = layer(X)
    assert y.dtype.name == dtype
    np.testing.assert_allclose(tf.cast(y, tf.float32), X @ KERNEL + np.arange(24), atol=0.12)
    for gradient, shape in zip(tape.gradient(y, [layer.kernel, layer.bias]), ([64, 24], [24]), strict=True):
        assert gradient.dtype == tf.float32 and gradient.shape == shape


def test_dense_float32_is_exact():
    layer = Dense(64, 24, 0.02, PRECISIONS["float32"], "dense")
    layer.kernel.assign(KERNEL)
    np.testing.assert_allclose(layer(X), X @ KERNEL, atol=1e-5)
