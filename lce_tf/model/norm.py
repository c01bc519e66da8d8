"""Normalisation over the last axis, with statistics in float32."""

import tensorflow as tf

from lce_tf.model.config import EncoderConfig
from lce_tf.model.layer import Layer, wide
from lce_tf.model.precision import Precision


class LayerNorm(Layer):
    """Layer normalisation over the last axis, with its statistics in float32 whatever the dtype of activations.

    Attributes:
        beta: None if the norm has no bias.
    """

    def __init__(self, size: int, epsilon: float, precision: Precision, name: str, bias: bool = True):
        super().__init__(precision, name)
        self.epsilon, self.plain = epsilon, False
        self.gamma = self.add_weight(name="gamma", shape=[size], initializer="ones")
        self.beta = self.add_weight(name="beta", shape=[size], initializer="zeros") if bias else None

    def call(self, x):
        x = wide(x)
        centred = x - tf.reduce_mean(x, axis=[-1], keepdims=True)
        variance = tf.reduce_mean(tf.square(centred), axis=[-1], keepdims=True)
        if self.plain:
            scaled = self.cast(centred / tf.sqrt(variance + self.epsilon)) * self.cast(self.gamma)
            return scaled if self.beta is None else scaled + self.cast(self.beta)
        scaled = centred * (tf.math.rsqrt(variance + self.epsilon) * wide(self.gamma))
        return self.cast(scaled if self.beta is None else scaled + wide(self.beta))


class RootMeanSquareNorm(LayerNorm):
    """Division by the root of the mean square, without mean and bias (T5)."""

    def call(self, x):
        x = wide(x)
        scale = tf.math.rsqrt(tf.reduce_mean(tf.square(x), axis=[-1], keepdims=True) + self.epsilon)
        return self.cast(x * scale * wide(self.gamma))


def make_norm(config: EncoderConfig, size: int, precision: Precision, name: str) -> LayerNorm:
    """The norm of the configuration's family, over `size` entries."""
    kind = RootMeanSquareNorm if config.family.norm == "rms" else LayerNorm
    return kind(size, config.layer_norm_eps, precision, name, bias=config.norm_bias and config.family.norm == "layer")
