"""The shape of an encoder, as read from a checkpoint's Hugging Face `config.json`, and of its input."""

from dataclasses import asdict, dataclass
from typing import Any

from lce_tf.errors import UserError

# The names in lce_tf.model.activations, spelled out here so that reading a configuration needs no TensorFlow.
ACTIVATIONS = ("gelu", "gelu_new", "gelu_pytorch_tanh", "relu")


@dataclass(frozen=True)
class EncoderConfig:
    """Sizes and rates of an ELECTRA or BERT encoder; field names and defaults are Hugging Face's."""

    model_type: str = "electra"
    vocab_size: int = 30522
    embedding_size: int = 768
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    hidden_act: str = "gelu"
    hidden_dropout_prob: float = 0.1
    attention_probs_dropout_prob: float = 0.1
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    layer_norm_eps: float = 1e-12
    initializer_range: float = 0.02

    def __post_init__(self):
        if self.model_type not in ("electra", "bert"):
            raise UserError(f"model_type {self.model_type!r}: only electra and bert encoders can be loaded")
        if self.hidden_act not in ACTIVATIONS:
            raise UserError(f"hidden_act {self.hidden_act!r}: known are {', '.join(ACTIVATIONS)}")
        if self.hidden_size % self.num_attention_heads:
            raise UserError(
                f"hidden_size {self.hidden_size} is not a multiple of num_attention_heads {self.num_attention_heads}"
            )

    @classmethod
    def from_huggingface(cls, values: dict[str, Any], source: str = "config.json") -> "EncoderConfig":
        """The configuration in a parsed `config.json`; keys that the encoder does not use are ignored.

        Raises:
            UserError: the model family, the position embeddings or a value is one that this encoder cannot carry.
        """
        if values.get("position_embedding_type", "absolute") != "absolute":
            raise UserError(f"{source}: position_embedding_type {values['position_embedding_type']!r} is not absolute")
        known = {name: values[name] for name in cls.__dataclass_fields__ if values.get(name) is not None}
        if "model_type" not in known:
            raise UserError(f"{source}: has no model_type; is this a checkpoint's config.json?")
        # BERT has no separate embedding size, and ELECTRA's default differs from its hidden size.
        default = 128 if known["model_type"] == "electra" else known.get("hidden_size", 768)
        known.setdefault("embedding_size", default)
        if known["model_type"] == "bert":
            known["embedding_size"] = known.get("hidden_size", 768)
        try:
            return cls(**known)
        except TypeError as error:
            raise UserError(f"{source}: {error}") from error

    def to_huggingface(self) -> dict[str, Any]:
        """The keys of `config.json` that describe the encoder."""
        return asdict(self)


@dataclass(frozen=True)
class Lengths:
    """How a pair is cut and packed, in wordpieces: `[CLS] query [SEP] passage [SEP]`, only the passage gives way.

    Attributes:
        query: a query keeps at most this many wordpieces.
        sequence: the whole packed pair, special tokens included.
    """

    query: int = 50
    sequence: int = 256

    def __post_init__(self):
        if self.query < 1 or self.sequence < self.query + 4:
            raise UserError(
                f"--query-length {self.query} and --sequence-length {self.sequence}: a sequence holds the query, three "
                "special tokens and at least one wordpiece of the passage; raise --sequence-length"
            )
