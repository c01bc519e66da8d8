"""The description of a family of encoders, as data."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from lce_tf.model.families.keys import COMMON, Key

Names = Mapping[str, str | tuple[str, ...]]


@dataclass(frozen=True)
class Family:
    """A family of encoders in Hugging Face's layout.

    Attributes:
        model_type: its name in `config.json`.
        help: one line about it.
        title: its name in texts.
        prefix: prefix of the names of the encoder's weights in a whole model, without the dot; "": none.
        architecture: the class of its cross-encoders in transformers.
        head: the key in `lce_tf.model.heads.HEADS` of the head that computes the same as that class's.
        head_names: names of that head's layers -> their names in that class's weights.
        names: parts of `Encoder` -> their names in the weights, in which `{i}` is the layer's number. A tuple names the
            parts that lie side by side in one layer of ours.
        keys: what becomes of the keys of its `config.json`, besides those that any family has.
        defaults: fields of `EncoderConfig` that its `config.json` may leave out, where they differ from that class's.
        derive: function of a parsed `config.json` and of the fields that single keys fill; returns the fields that
            depend on several keys.
        positions: "table": one embedding per position; "after padding": the same, numbered from pad_token_id + 1, and
            padding tokens have pad_token_id; "none".
        attention: a key of `lce_tf.model.attention.ATTENTIONS`.
        norm: "layer", or "rms" without mean and bias.
        before: whether norms come before attention and feed-forward (pre-norm) instead of after the residual sums.
        scaled: whether products of queries and keys are divided by the root of the head's size.
        float32_output: whether the feed-forward's last layer stays in float32 where the others are in float16.
        shares: whether layers share weights, and embeddings are projected even if they are as wide as the layers.
        first_norm: in a pre-norm family, whether the first layer also has a norm before its attention.
        biases: whether the dense layers have biases, in a family whose `config.json` does not say.
        unused: regular expression of weights that no cross-encoder reads, besides heads of pretraining.
        answers: pairs of tokens, (not relevant, relevant), whose logits at the decoder's first step are the score; the
            first pair that the tokenizer knows counts.
    """

    model_type: str
    help: str
    title: str
    prefix: str
    architecture: str
    head: str
    head_names: Mapping[str, str]
    names: Names
    keys: tuple[Key, ...]
    defaults: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    derive: Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]] | None = None
    positions: str = "table"
    attention: str = "plain"
    norm: str = "layer"
    before: bool = False
    scaled: bool = True
    float32_output: bool = False
    shares: bool = False
    first_norm: bool = True
    biases: bool = True
    unused: str = ""
    answers: tuple[tuple[str, str], ...] = ()

    @property
    def start(self) -> str:
        """The prefix with its dot, before the names of the encoder's weights in a whole model."""
        return self.prefix and f"{self.prefix}."

    @property
    def all_keys(self) -> tuple[Key, ...]:
        """Its own keys, then the keys of any family that it does not redefine."""
        own = {key.name for key in self.keys}
        return (*self.keys, *(key for key in COMMON if key.name not in own))
