"""Normalisation over the last axis, with statistics in float32."""

import tensorflow as tf
import tf_keras as keras

from lce_tf.model.config import EncoderConfig
from lce_tf.model.precision import Precision


class LayerNorm(keras.layers.Layer):
    """Layer normalisation over the last axis, with its statistics in float32 whatever the compute dtype.

    Attributes:
        beta: None if the norm has no bias.
    """

    def __init__(self, size: int, epsilon: float, precision: Precision, name: str, bias: bool = True):
        # Without autocast, a float32 sum stays float32 until it is normalised.
        super().__init__(name=name, dtype=precision.policy, autocast=False)
        self.epsilon, self.plain = epsilon, False
        self.gamma = self.add_weight(name="gamma", shape=[size], initializer="ones")
        self.beta = self.add_weight(name="beta", shape=[size], initializer="zeros") if bias else None

    def call(self, x):
        return self.normal(x, self.gamma, self.beta)

    def normal(self, x, gamma, beta):
        """x normalised with the given weights, in the compute dtype."""
        wide = tf.cast(x, tf.float32)
        mean = tf.reduce_mean(wide, axis=[-1], keepdims=True)
        centred = wide - mean
        variance = tf.reduce_mean(tf.square(centred), axis=[-1], keepdims=True)
        if self.plain:
            normal = tf.cast(centred / tf.sqrt(variance + self.epsilon), self.compute_dtype)
            scaled = normal * tf.convert_to_tensor(gamma)
            return scaled if beta is None else scaled + tf.convert_to_tensor(beta)
        scaled = centred * (tf.math.rsqrt(variance + self.epsilon) * tf.cast(gamma, tf.float32))
        return tf.cast(scaled if beta is None else scaled + tf.cast(beta, tf.float32), self.compute_dtype)


class RootMeanSquareNorm(LayerNorm):
    """Division by the root of the mean square, without mean and bias (T5)."""

    def normal(self, x, gamma, beta):
        wide = tf.cast(x, tf.float32)
        scale = tf.math.rsqrt(tf.reduce_mean(tf.square(wide), axis=[-1], keepdims=True) + self.epsilon)
        return tf.cast(wide * scale * tf.cast(gamma, tf.float32), self.compute_dtype)


def make_norm(config: EncoderConfig, size: int, precision: Precision, name: str) -> LayerNorm:
    """The norm of the configuration's family, over `size` entries."""
    kind = RootMeanSquareNorm if config.family.norm == "rms" else LayerNorm
    return kind(size, config.layer_norm_eps, precision, name, bias=config.norm_bias and config.family.norm == "layer")
