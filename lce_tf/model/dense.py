"""A dense layer over 2-D inputs, whose products can be taken in bfloat16 between float32 activations."""

import functools

import tensorflow as tf
import tf_keras as keras

from lce_tf.model.layer import Layer
from lce_tf.model.precision import Precision, cpu_has_bfloat16


@tf.custom_gradient
def bfloat16_product(x: tf.Tensor, kernel: tf.Tensor):
    """`x @ kernel` with both operands rounded to bfloat16, in the gradient's products too.

    It has its own gradient because the automatic one would round the kernel twice and keep float32 copies alive. On a
    CPU without bfloat16 instructions, TensorFlow's product would round the partial sums as well; there the rounded
    operands are multiplied in float32.

    Args:
        x: [rows, inputs] float32.
        kernel: [inputs, outputs] float32.

    Returns:
        [rows, outputs] float32.
    """
    x16, kernel16 = tf.cast(x, tf.bfloat16), tf.cast(kernel, tf.bfloat16)
    multiplied = tf.float32 if _without_bfloat16() else tf.bfloat16

    def product(a, b, **transposed):
        return tf.cast(tf.matmul(tf.cast(a, multiplied), tf.cast(b, multiplied), **transposed), tf.float32)

    def gradient(upstream):
        upstream16 = tf.cast(upstream, tf.bfloat16)
        by_x = product(upstream16, kernel16, transpose_b=True)
        return by_x, product(x16, upstream16, transpose_a=True)

    return product(x16, kernel16), gradient


@functools.cache
def _without_bfloat16() -> bool:
    """Whether products are computed by a CPU that has no instructions for bfloat16."""
    accelerated = tf.config.list_physical_devices("GPU") or tf.config.list_logical_devices("TPU")
    return not accelerated and not cpu_has_bfloat16()


class Dense(Layer):
    """`x @ kernel + bias` for 2-D `x`: the form that reaches oneDNN's and cuBLASLt's fused kernels.

    Attributes:
        bias: None where the layer has none.
    """

    def __init__(self, inputs: int, outputs: int, stddev: float, precision: Precision, name: str, bias: bool = True):
        super().__init__(precision, name)
        self._multiplied = bfloat16_product if precision.products == "bfloat16" else tf.matmul
        normal = keras.initializers.TruncatedNormal(stddev=stddev)
        self.kernel = self.add_weight(name="kernel", shape=[inputs, outputs], initializer=normal)
        self.bias = self.add_weight(name="bias", shape=[outputs], initializer="zeros") if bias else None

    def call(self, x):
        product = self.product(x, self.kernel)
        return product if self.bias is None else tf.nn.bias_add(product, self.cast(self.bias))

    def product(self, x, kernel) -> tf.Tensor:
        """x @ kernel in the layer's precision; the kernel is the layer's, or a part of it."""
        return self._multiplied(self.cast(x), self.cast(kernel))
