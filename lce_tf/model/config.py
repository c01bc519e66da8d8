"""The shape of an encoder, as read from a checkpoint's Hugging Face `config.json`, and how its output is scored."""

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from typing import Any

from lce_tf.errors import UserError
from lce_tf.model.families import FAMILIES, Family
from lce_tf.model.families.keys import LEFT_OUT

# The names in lce_tf.model.activations, spelled out here so that reading a configuration needs no TensorFlow.
ACTIVATIONS = (
    "gelu",
    "gelu_python",
    "gelu_new",
    "gelu_fast",
    "gelu_pytorch_tanh",
    "quick_gelu",
    "relu",
    "silu",
    "swish",
    "tanh",
)
# Largest number that is accepted as a size; `check_sizes` compares sizes with the weights later.
LARGEST = 2**31 - 1
# Fields that may be 0: for a part that the model lacks, or for a token's id.
MAYBE_NONE = ("type_vocab_size", "pad_token_id", "position_buckets", "max_relative_positions", "head_size")
MAYBE_NONE += ("num_decoder_layers", "decoder_start_token_id")
CHOICES = {
    "hidden_act": ACTIVATIONS,
    "classifier_activation": ACTIVATIONS,
    "classifier_pooling": ("cls", "mean", "decoder"),
    "layer_types": ("full_attention", "sliding_attention"),
    "pos_att_type": ("c2p", "p2c"),
}
# Parts of the names of decoders that people rerank with.
DECODERS = ("qwen", "gemma", "llama", "mistral", "mixtral", "phi", "gpt", "minicpm", "olmo", "falcon", "deepseek")

# Matrix products on a CPU compute this many rows at a time, or a divisor of it: oneDNN 16, Eigen 24 with AVX2 and 48
# with AVX-512. If rows are left over, they sum those in another order.
ROW_MULTIPLE = 48


@dataclass(frozen=True)
class EncoderConfig:
    """Sizes and rates of an encoder; field names are Hugging Face's for BERT, defaults the base size's.

    The fields from `pad_token_id` on are used by some families only; see `Family.keys`.
    """

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
    pad_token_id: int = 0
    classifier_activation: str = "gelu"
    classifier_pooling: str = "cls"
    gated: bool = False
    norm_bias: bool = True
    attention_bias: bool = True
    mlp_bias: bool = True
    classifier_bias: bool = True
    num_hidden_groups: int = 1
    inner_group_num: int = 1
    layer_types: tuple[str, ...] = ()
    local_attention: int = 128
    rope_thetas: tuple[float, ...] = ()
    relative_attention_num_buckets: int = 32
    relative_attention_max_distance: int = 128
    position_biased_input: bool = True
    pos_att_type: tuple[str, ...] = ()
    position_buckets: int = 0
    max_relative_positions: int = 0
    share_att_key: bool = False
    norm_rel_ebd: bool = False
    head_size: int = 0
    feed_forward_proj: str = ""
    num_decoder_layers: int = 0
    scale_decoder_outputs: bool = True
    decoder_start_token_id: int = 0

    def __post_init__(self):
        if self.model_type not in FAMILIES:
            raise UserError(unknown_family(self.model_type))
        for field in fields(self):
            _check(field, getattr(self, field.name))
        if not self.head_size:
            if self.hidden_size % self.num_attention_heads:
                raise UserError(
                    f"hidden_size {self.hidden_size} is not a multiple of num_attention_heads "
                    f"{self.num_attention_heads}"
                )
            object.__setattr__(self, "head_size", self.hidden_size // self.num_attention_heads)
        if self.layer_types and len(self.layer_types) != self.num_hidden_layers:
            raise UserError(f"layer_types: are {len(self.layer_types)} for num_hidden_layers {self.num_hidden_layers}")

    @property
    def family(self) -> Family:
        """Its family's record."""
        return FAMILIES[self.model_type]

    @property
    def order(self) -> tuple[int, ...]:
        """For each layer, in order of computation, the number of the block whose weights it uses (ALBERT shares)."""
        if not self.family.shares:
            return tuple(range(self.num_hidden_layers))
        each = self.num_hidden_layers / self.num_hidden_groups
        groups = (int(layer / each) for layer in range(self.num_hidden_layers))
        return tuple(group * self.inner_group_num + inner for group in groups for inner in range(self.inner_group_num))

    @property
    def positions(self) -> int:
        """The maximum number of tokens of a sequence."""
        after = self.family.positions == "after padding"
        return self.max_position_embeddings - (self.pad_token_id + 1 if after else 0)

    @classmethod
    def from_huggingface(cls, values: dict[str, Any], source: str = "config.json") -> "EncoderConfig":
        """The configuration in a parsed `config.json`; keys that change no score are ignored, see `Family.keys`.

        Raises:
            UserError: the model family, the position embeddings or a value is not supported.
        """
        try:
            return cls(**_fields_of(values))
        except UserError as error:
            raise UserError(f"{source}: {error}") from error

    def to_huggingface(self) -> dict[str, Any]:
        """The keys of `config.json` that describe the encoder."""
        keys = self.family.keys
        fixed = {key.name: key.only[0] for key in keys if len(key.only) == 1 and key.only != (None,)}
        filled = {key.name: key.write(getattr(self, key.field)) for key in keys if key.field and key.write}
        filled = {name: value for name, value in filled.items() if value is not LEFT_OUT}
        return {"model_type": self.model_type, **fixed, **filled}

    @property
    def told(self) -> bool:
        """Whether `to_huggingface` tells which vector is scored; it does not where modules of their own tell it."""
        return EncoderConfig.from_huggingface(self.to_huggingface()).classifier_pooling == self.classifier_pooling

    def as_json(self) -> dict[str, Any]:
        """Plain values for hashes; fields from `pad_token_id` on, which came later, only if not at their default."""
        values, defaults = asdict(self), {field.name: field.default for field in fields(self)}
        known = list(defaults)[: list(defaults).index("pad_token_id")]
        defaults["head_size"] = self.hidden_size // self.num_attention_heads
        return {name: value for name, value in values.items() if name in known or value != defaults[name]}

    @property
    def key(self) -> str:
        """16 hexadecimal digits that change with the configuration; with the weights they determine the vectors."""
        return hashlib.sha256(json.dumps(self.as_json(), sort_keys=True).encode()).hexdigest()[:16]


def unknown_family(name: str) -> str:
    """Why an encoder of that `model_type` is refused, and what runs it."""
    if any(part in name.lower() for part in DECODERS):
        return (
            f"model_type {name!r}: is a decoder, which scores by the next word after a prompt; run it with "
            "sentence-transformers' CrossEncoder or vLLM's /score"
        )
    *most, last = sorted(FAMILIES)
    return f"model_type {name!r}: only {', '.join(most)} and {last} encoders can be loaded"


def _fields_of(values: dict[str, Any]) -> dict[str, Any]:
    """The fields of `EncoderConfig` that a parsed `config.json` fills."""
    name = values.get("model_type")
    if not isinstance(name, str):
        raise UserError("has no model_type; is this a checkpoint's config.json?")
    late = [str(kind) for kind in values.get("architectures") or [] if "colbert" in str(kind).lower()]
    if late:
        raise UserError(f"architectures {late[0]!r}: is a late-interaction model; run it with PyLate")
    if (family := FAMILIES.get(name)) is None:
        raise UserError(unknown_family(name))
    known = {"model_type": name, **family.defaults}
    for key in family.all_keys:
        value = values.get(key.name)
        if key.only and value not in key.only:
            supported = " or ".join(json.dumps(one) for one in key.only if one is not None)
            raise UserError(f"{key.name} {value!r:.60}: {key.why}" + f"; supported is {supported}" * bool(supported))
        if key.field and key.read and value is not None:
            known[key.field] = key.read(value)
    if family.derive is not None:
        known |= family.derive(values, known)
    if "embedding_size" not in {key.field for key in family.keys}:
        known["embedding_size"] = known.get("hidden_size", EncoderConfig.hidden_size)
    return known


def _check(field, value: Any) -> None:
    """Raises UserError unless the value is one that the field of `EncoderConfig` can have."""
    # JSON's true is an int in Python.
    number = isinstance(value, int | float) and not isinstance(value, bool)
    least = 0 if field.name in MAYBE_NONE else 1
    if field.type is int and not (number and isinstance(value, int) and least <= value <= LARGEST):
        raise UserError(f"{field.name} {value!r:.40}: is not a whole number from {least} to {LARGEST}")
    if field.type is float and not (number and 0 <= value < 1):
        raise UserError(f"{field.name} {value!r:.40}: is not a number from 0 to below 1")
    if field.type is bool and not isinstance(value, bool):
        raise UserError(f"{field.name} {value!r:.40}: is not true or false")
    known = CHOICES.get(field.name)
    if known and not all(one in known for one in (value if isinstance(value, tuple) else (value,))):
        raise UserError(f"{field.name} {value!r:.60}: known are {', '.join(known)}")
    if field.name == "rope_thetas" and not all(isinstance(one, int | float) and one > 1 for one in value):
        raise UserError(f"{field.name} {value!r:.40}: are not two numbers above 1")


@dataclass(frozen=True)
class Scoring:
    """How a ranking score is computed from an encoder's output; the defaults are the paper's.

    Attributes:
        outputs: logits per pair: 1 for losses over scores, 2 for cross entropy.
        head: a key of `lce_tf.model.heads.HEADS`.
        padding_segment: segment id of padding tokens; their embeddings include it, attention masks them out.
        rule: the score of two logits: their "difference" z1 - z0, which orders as softmax(z)_1 of eq. (2) but does not
            saturate, or the "last" one alone; "reversed" (z0 - z1) and "first" if the first logit means relevant;
            "undecided" if the user has to say which one does.
        dtype: "float16" rounds scores to it before sorting, so that ties keep the first stage's order.
        activation: the value written for a score: the score itself ("identity"), its "sigmoid", the logarithm of the
            sigmoid ("log_sigmoid") or its "tanh". The order is always the score's.
    """

    outputs: int = 1
    head: str = "linear"
    padding_segment: int = 0
    rule: str = "difference"
    dtype: str = "float32"
    activation: str = "identity"

    def __post_init__(self):
        known = {"head": ("linear", "dense", "pooler", "relu", "normed"), "dtype": ("float32", "float16")}
        known |= {"activation": ("identity", "sigmoid", "log_sigmoid", "tanh")}
        known |= {"rule": ("difference", "last", "reversed", "first", "undecided")}
        known |= {"padding_segment": (0, 1), "outputs": (1, 2)}
        for name, values in known.items():
            if getattr(self, name) not in values:
                raise UserError(f"scoring {name} {getattr(self, name)!r}: known are {', '.join(map(str, values))}")

    def score(self, logits):
        """[...] scores by the rule, not rounded yet, from logits [..., outputs], an array or a tensor."""
        if logits.shape[-1] == 1 or self.rule == "last":
            return logits[..., -1]
        if self.rule == "first":
            return logits[..., 0]
        difference = logits[..., 1] - logits[..., 0]
        return -difference if self.rule == "reversed" else difference


PAPER_SCORING = Scoring()
