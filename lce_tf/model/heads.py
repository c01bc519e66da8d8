"""Score heads on the final [CLS] vector, one registry: `HEADS["linear"]`."""

import tensorflow as tf
import tf_keras as keras

from lce_tf.model.activations import gelu
from lce_tf.model.config import EncoderConfig
from lce_tf.model.dense import Dense
from lce_tf.model.dropout import dropout
from lce_tf.model.precision import PRECISIONS


class Head(keras.layers.Layer):
    """Turns [CLS] vectors into logits, in float32 throughout.

    Attributes:
        layers: name in a checkpoint -> the `Dense` layer, in the order in which they are initialised.
    """

    def __init__(self, config: EncoderConfig, outputs: int, name: str = "head"):
        super().__init__(name=name, dtype="float32")
        self.rate = config.hidden_dropout_prob
        # Dropout places after the encoder's last one.
        self.place = 4 * config.num_hidden_layers + 1
        self.layers = self.make_layers(config, outputs)

    def call(self, vectors, seed):
        """Logits [batch, outputs] of [CLS] vectors [batch, hidden]; `seed` as in `Encoder.call`."""
        return self.scored(vectors, seed, dropout)

    def scored(self, vectors, seed, dropout) -> tf.Tensor:
        """As `call`, with masks drawn by another `dropout(x, rate, seed, place)`."""
        raise TypeError(f"{type(self).__name__} scores nothing")

    def make_layers(self, config: EncoderConfig, outputs: int) -> dict[str, Dense]:
        """The head's dense layers by name."""
        raise TypeError(f"{type(self).__name__} makes no layers")

    def dense(self, config: EncoderConfig, outputs: int, name: str) -> Dense:
        """A layer from the encoder's width to `outputs`."""
        return Dense(config.hidden_size, outputs, config.initializer_range, PRECISIONS["float32"], name)


class LinearHead(Head):
    """Dropout and one linear unit per output: z = T_[CLS] W + b (eq. 1)."""

    def make_layers(self, config, outputs):
        self.linear = self.dense(config, outputs, "linear")
        return {"head": self.linear}

    def scored(self, vectors, seed, dropout):
        return self.linear(dropout(tf.cast(vectors, tf.float32), self.rate, seed, self.place))


class DenseHead(Head):
    """Dropout, a dense layer of the encoder's width, GELU, dropout, a linear unit per output.

    Source: the paper's released code, and Hugging Face's ELECTRA for sequence classification.
    """

    def make_layers(self, config, outputs):
        self.hidden = self.dense(config, config.hidden_size, "hidden")
        self.linear = self.dense(config, outputs, "linear")
        return {"head.dense": self.hidden, "head.out_proj": self.linear}

    def scored(self, vectors, seed, dropout):
        x = dropout(tf.cast(vectors, tf.float32), self.rate, seed, self.place)
        return self.linear(dropout(gelu(self.hidden(x)), self.rate, seed, self.place + 1))


class PoolerHead(Head):
    """A dense layer of the encoder's width, tanh, dropout, a linear unit per output.

    Source: Hugging Face's BERT for sequence classification.
    """

    def make_layers(self, config, outputs):
        self.pooler = self.dense(config, config.hidden_size, "pooler")
        self.linear = self.dense(config, outputs, "linear")
        return {"head.pooler": self.pooler, "head.out_proj": self.linear}

    def scored(self, vectors, seed, dropout):
        pooled = tf.tanh(self.pooler(tf.cast(vectors, tf.float32)))
        return self.linear(dropout(pooled, self.rate, seed, self.place))


HEADS: dict[str, type[Head]] = {"linear": LinearHead, "dense": DenseHead, "pooler": PoolerHead}
