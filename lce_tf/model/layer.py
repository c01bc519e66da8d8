"""The base of the model's layers: float32 weights, activations in the precision's dtype."""

import tensorflow as tf
import tf_keras as keras

from lce_tf.model.precision import Precision


class Layer(keras.layers.Layer):
    """A layer whose weights are float32; it casts to the dtype of activations itself, where it multiplies.

    Attributes:
        half: dtype of activations: float16 or bfloat16 in mixed precision, else float32.
    """

    def __init__(self, precision: Precision, name: str):
        super().__init__(name=name, dtype="float32", autocast=False)
        self.half = tf.as_dtype(precision.activations)
        self.built = True  # Keras warns of a layer that was never called, as when a caller takes a kernel apart.

    def cast(self, values) -> tf.Tensor:
        """A variable's or tensor's values in the dtype of activations."""
        return tf.cast(tf.convert_to_tensor(values), self.half)


def wide(values) -> tf.Tensor:
    """A variable's or tensor's values in float32."""
    return tf.cast(tf.convert_to_tensor(values), tf.float32)
