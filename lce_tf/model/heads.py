"""Score heads on the final [CLS] vector, one registry: `HEADS["linear"]`."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf
import tf_keras as keras

from lce_tf.model.activations import ACTIVATIONS
from lce_tf.model.config import EncoderConfig
from lce_tf.model.dense import Dense
from lce_tf.model.norm import make_norm
from lce_tf.model.precision import PRECISIONS


class Head(keras.layers.Layer):
    """Turns [CLS] vectors into logits, in float32 throughout.

    Attributes:
        layers: name in a checkpoint -> the `Dense` layer or norm, in the order in which they are initialised.
    """

    def __init__(self, config: EncoderConfig, outputs: int, name: str = "head"):
        super().__init__(name=name, dtype="float32")
        self.rate = config.hidden_dropout_prob
        # Dropout sites after the encoder's last one.
        self.site = 4 * (len(config.order) + config.num_decoder_layers) + 1
        self.layers = self.make_layers(config, outputs)

    def call(self, vectors, dropout) -> tf.Tensor:
        """Logits [pairs, outputs] of the vectors [pairs, hidden] that the encoder returned.

        Args:
            dropout: function of values, a rate and a site, see `Tokens.dropout`.
        """
        raise TypeError(f"{type(self).__name__} scores nothing")

    def make_layers(self, config: EncoderConfig, outputs: int) -> dict[str, keras.layers.Layer]:
        """The head's layers by name."""
        raise TypeError(f"{type(self).__name__} makes no layers")

    def dense(self, config: EncoderConfig, outputs: int, name: str, bias: bool = True) -> Dense:
        """A layer from the encoder's width to `outputs`."""
        return Dense(config.hidden_size, outputs, config.initializer_range, PRECISIONS["float32"], name, bias)

    def named(self, names: Mapping[str, str] | None = None) -> dict[str, tuple[tf.Variable, bool]]:
        """Name in a weight file -> (variable, whether the file holds it transposed, as [outputs, inputs]).

        Args:
            names: name in `layers` -> name in the file; None: the names are the same.
        """
        found = {}
        for name, layer in self.layers.items():
            dense = hasattr(layer, "kernel")
            weight, bias = (layer.kernel, layer.bias) if dense else (layer.gamma, layer.beta)
            name = name if names is None else names[name]
            found |= {f"{name}.weight": (weight, dense)} | ({} if bias is None else {f"{name}.bias": (bias, False)})
        return found

    def arrays(self) -> dict[str, np.ndarray]:
        """The weights as a file keeps them, under the names of `layers`."""
        return {
            name: np.ascontiguousarray(variable.numpy().T if turned else variable.numpy())
            for name, (variable, turned) in self.named().items()
        }


class LinearHead(Head):
    """Dropout and one linear unit per output: z = T_[CLS] W + b (eq. 1); for T5, W is output embeddings, without b."""

    def make_layers(self, config, outputs):
        self.linear = self.dense(config, outputs, "linear", bias=not config.family.answers)
        return {"head": self.linear}

    def call(self, vectors, dropout):
        return self.linear(dropout(tf.cast(vectors, tf.float32), self.rate, self.site))


class DenseHead(Head):
    """Dropout, a dense layer of the encoder's width, GELU, dropout, a linear unit per output.

    Source: the paper's released code, and Hugging Face's ELECTRA and DeBERTa for sequence classification.
    """

    def make_layers(self, config, outputs):
        self.hidden = self.dense(config, config.hidden_size, "hidden")
        self.linear = self.dense(config, outputs, "linear")
        self.activation = ACTIVATIONS[config.classifier_activation]
        return {"head.dense": self.hidden, "head.out_proj": self.linear}

    def call(self, vectors, dropout):
        x = dropout(tf.cast(vectors, tf.float32), self.rate, self.site)
        return self.linear(dropout(self.activation(self.hidden(x)), self.rate, self.site + 1))


class ReluHead(DenseHead):
    """A dense layer of the encoder's width, ReLU, dropout, a linear unit per output.

    Source: Hugging Face's DistilBERT for sequence classification.
    """

    def call(self, vectors, dropout):
        x = tf.nn.relu(self.hidden(tf.cast(vectors, tf.float32)))
        return self.linear(dropout(x, self.rate, self.site))


class NormedHead(Head):
    """A dense layer of the encoder's width, GELU, a norm, dropout, a linear unit per output.

    Source: Hugging Face's ModernBERT for sequence classification.
    """

    def make_layers(self, config, outputs):
        self.hidden = self.dense(config, config.hidden_size, "hidden", bias=config.classifier_bias)
        self.norm = make_norm(config, config.hidden_size, PRECISIONS["float32"], "norm")
        self.linear = self.dense(config, outputs, "linear")
        self.activation = ACTIVATIONS[config.classifier_activation]
        return {"head.dense": self.hidden, "head.norm": self.norm, "head.out_proj": self.linear}

    def call(self, vectors, dropout):
        x = self.norm(self.activation(self.hidden(tf.cast(vectors, tf.float32))))
        return self.linear(dropout(x, self.rate, self.site))


class PoolerHead(Head):
    """A dense layer of the encoder's width, tanh, dropout, a linear unit per output.

    Source: Hugging Face's BERT, ALBERT, RoBERTa and MPNet for sequence classification.
    """

    def make_layers(self, config, outputs):
        self.pooler = self.dense(config, config.hidden_size, "pooler")
        self.linear = self.dense(config, outputs, "linear")
        return {"head.pooler": self.pooler, "head.out_proj": self.linear}

    def call(self, vectors, dropout):
        pooled = tf.tanh(self.pooler(tf.cast(vectors, tf.float32)))
        return self.linear(dropout(pooled, self.rate, self.site))


HEADS: dict[str, type[Head]] = {
    "linear": LinearHead,
    "dense": DenseHead,
    "pooler": PoolerHead,
    "relu": ReluHead,
    "normed": NormedHead,
}
