"""An ELECTRA/BERT encoder in Keras, laid out for speed: 2-D products, fused QKV, only [CLS] in the last layer."""

import contextlib
from collections.abc import Iterator

import tensorflow as tf
import tf_keras as keras

from lce_tf.model.activations import ACTIVATIONS
from lce_tf.model.config import EncoderConfig
from lce_tf.model.dense import Dense
from lce_tf.model.dropout import dropout
from lce_tf.model.precision import PRECISIONS, Precision

# Rows that products take at a time on CPUs; a block that is not full they compute in another order.
BLOCK = 16
# Added to the attention logits of padding. Finite in float16, and exp(-30000) is 0 in every precision.
MASKED = -30000.0


class LayerNorm(keras.layers.Layer):
    """Layer normalisation over the last axis, with its statistics in float32 whatever the compute dtype."""

    def __init__(self, size: int, epsilon: float, precision: Precision, name: str):
        super().__init__(name=name, dtype=precision.policy)
        self.epsilon, self.plain = epsilon, False
        self.gamma = self.add_weight(name="gamma", shape=[size], initializer="ones")
        self.beta = self.add_weight(name="beta", shape=[size], initializer="zeros")

    def call(self, x):
        wide = tf.cast(x, tf.float32)
        mean = tf.reduce_mean(wide, axis=[-1], keepdims=True)
        centred = wide - mean
        variance = tf.reduce_mean(tf.square(centred), axis=[-1], keepdims=True)
        if self.plain:
            normal = tf.cast(centred / tf.sqrt(variance + self.epsilon), self.compute_dtype)
            return normal * tf.convert_to_tensor(self.gamma) + tf.convert_to_tensor(self.beta)
        scale = tf.math.rsqrt(variance + self.epsilon) * tf.cast(self.gamma, tf.float32)
        return tf.cast(centred * scale + tf.cast(self.beta, tf.float32), self.compute_dtype)


class Embeddings(keras.layers.Layer):
    """Word, position and segment embeddings, normalised, and projected where ELECTRA's are narrower."""

    def __init__(self, config: EncoderConfig, precision: Precision, name: str):
        super().__init__(name=name, dtype=precision.policy)
        size, stddev = config.embedding_size, config.initializer_range
        self.rate = config.hidden_dropout_prob
        self.words, self.positions, self.segments = (
            # An initialiser of its own for each: one used again gives the same values again.
            self.add_weight(
                name=name, shape=[rows, size], initializer=keras.initializers.TruncatedNormal(stddev=stddev)
            )
            for name, rows in (
                ("words", config.vocab_size),
                ("positions", config.max_position_embeddings),
                ("segments", config.type_vocab_size),
            )
        )
        self.norm = LayerNorm(size, config.layer_norm_eps, precision, "norm")
        self.projection = None
        if size != config.hidden_size:
            self.projection = Dense(size, config.hidden_size, stddev, precision, "projection")

    def call(self, input_ids, segment_ids, seed):
        batch, length = tf.unstack(tf.shape(input_ids))
        words = tf.gather(self.words, input_ids)
        # A product with the one-hot segment: its gradient is a small matrix product, where a gather's would be
        # a scatter of every token into two rows.
        one_hot = tf.one_hot(segment_ids, self.segments.shape[0], dtype=words.dtype)
        segments = tf.matmul(tf.reshape(one_hot, [-1, self.segments.shape[0]]), self.segments)
        width = self.words.shape[1]
        x = words + self.positions[:length] + tf.reshape(segments, [batch, length, width])
        x = dropout(self.norm(tf.reshape(x, [-1, width])), self.rate, seed, 0)
        return x if self.projection is None else self.projection(x)


class Block(keras.layers.Layer):
    """One post-norm transformer layer over `[batch * length, hidden]`.

    With `cls_only` the result is the first token's vector alone, `[batch, hidden]`: keys and values still come
    from every token, so it equals row 0 of the full result. Rows of no meaning fill that up to a multiple of `block`.
    """

    def __init__(self, config: EncoderConfig, index: int, precision: Precision, name: str):
        super().__init__(name=name, dtype=precision.policy)
        size, wide, stddev = config.hidden_size, config.intermediate_size, config.initializer_range
        epsilon = config.layer_norm_eps
        self.index, self.plain = index, False
        self.size, self.heads, self.head = size, config.num_attention_heads, size // config.num_attention_heads
        self.rate, self.attention_rate = config.hidden_dropout_prob, config.attention_probs_dropout_prob
        self.activation = ACTIVATIONS[config.hidden_act]
        self.exact_gelu = config.hidden_act == "gelu"
        self.qkv = Dense(size, 3 * size, stddev, precision, "qkv")
        self.attention_output = Dense(size, size, stddev, precision, "attention_output")
        self.attention_norm = LayerNorm(size, epsilon, precision, "attention_norm")
        self.intermediate = Dense(size, wide, stddev, precision, "intermediate")
        self.output_ = Dense(wide, size, stddev, precision, "output")
        self.output_norm = LayerNorm(size, epsilon, precision, "output_norm")

    def call(self, x, bias, shape, seed, cls_only=False, block=1):
        batch, length = shape
        query, key, value = (self._one_by_one if self.plain else self._at_once)(x, batch, length)
        rows = length
        if cls_only:
            rows = 1
            query = query[:, :, :1]
            x = tf.reshape(x, [batch, length, self.size])[:, 0]
        logits = tf.matmul(query * self.head**-0.5, key, transpose_b=True) + bias
        weights = tf.nn.softmax(logits)
        weights = dropout(weights, self.attention_rate, seed, 4 * self.index + 1)
        context = tf.transpose(tf.matmul(weights, value), [0, 2, 1, 3])
        context = tf.reshape(context, [batch * rows, self.size])
        if block > 1:
            x, context = (tf.pad(part, [[0, -batch % block], [0, 0]]) for part in (x, context))
        context = self.attention_output(context)
        x = self.attention_norm(x + dropout(context, self.rate, seed, 4 * self.index + 2))
        wide = self.activation(self.intermediate(x))
        return self.output_norm(x + dropout(self.output_(wide), self.rate, seed, 4 * self.index + 3))

    def _at_once(self, x, batch, length):
        """Queries, keys and values, [batch, heads, length, head] each, by one product."""
        qkv = tf.reshape(self.qkv(x), [batch, length, 3, self.heads, self.head])
        return tf.unstack(tf.transpose(qkv, [2, 0, 3, 1, 4]))

    def _one_by_one(self, x, batch, length):
        kernels, biases = tf.split(self.qkv.kernel, 3, axis=1), tf.split(self.qkv.bias, 3)
        for kernel, bias in zip(kernels, biases, strict=True):
            part = tf.nn.bias_add(self.qkv.product(x, kernel), bias)
            yield tf.transpose(tf.reshape(part, [batch, length, self.heads, self.head]), [0, 2, 1, 3])


def plain(model: tf.Module) -> contextlib.AbstractContextManager[None]:
    """Context in which a model's encoder is traced in the textbook form of attention and layer normalisation.

    The result is the same. A compiler such as OpenVINO's recognises that form and has one fast kernel for each. Run
    operation by operation it is slower.
    """
    return _having([part for part in model.submodules if isinstance(part, LayerNorm | Block)], "plain", True)


def filled(model: tf.Module) -> contextlib.AbstractContextManager[None]:
    """Context in which tracing pads the batch of final [CLS] vectors to a multiple of `BLOCK`.

    Each score is then bitwise independent of the batch size, on a CPU and at any length that is a multiple of `BLOCK`.
    The padding rows come last; ignore them.
    """
    return _having([model.encoder], "block", BLOCK)


@contextlib.contextmanager
def _having(parts: list, name: str, value: bool | int) -> Iterator[None]:
    before = [getattr(part, name) for part in parts]
    for part in parts:
        setattr(part, name, value)
    try:
        yield
    finally:
        for part, old in zip(parts, before, strict=True):
            setattr(part, name, old)


class Encoder(keras.layers.Layer):
    """Token ids in, contextual vectors out; the family's differences live in `EncoderConfig`.

    There is no pooler: ELECTRA has none, and the paper's equation (1) reads the final [CLS] vector itself.
    """

    def __init__(self, config: EncoderConfig, precision: Precision = PRECISIONS["float32"], name: str = "encoder"):
        super().__init__(name=name, dtype=precision.policy)
        self.config, self.block = config, 1
        self.embeddings = Embeddings(config, precision, "embeddings")
        self.blocks = [Block(config, i, precision, f"block_{i}") for i in range(config.num_hidden_layers)]

    def call(self, input_ids, segment_ids, mask, seed=None, cls_only=True):
        """The final [CLS] vectors, or every token's.

        Args:
            input_ids: [batch, length] int32.
            segment_ids: [batch, length] int32, 0 for `[CLS] query [SEP]` and 1 for `passage [SEP]`.
            mask: [batch, length], 1 for tokens and 0 for padding.
            seed: [2] int32 that the dropout masks are a pure function of; None switches dropout off.
            cls_only: compute the last layer for the first token alone.

        Returns:
            [batch, hidden] with `cls_only`, else [batch, length, hidden], in the compute dtype.
        """
        batch, length = tf.unstack(tf.shape(input_ids))
        bias = (1.0 - tf.cast(mask, self.compute_dtype)) * tf.cast(MASKED, self.compute_dtype)
        bias = bias[:, None, None, :]
        x = self.embeddings(input_ids, segment_ids, seed)
        for block in self.blocks:
            last = cls_only and block is self.blocks[-1]
            x = block(x, bias, (batch, length), seed, cls_only=last, block=self.block if last else 1)
        return x if cls_only else tf.reshape(x, [batch, length, self.config.hidden_size])
