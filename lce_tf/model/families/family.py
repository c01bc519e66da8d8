"""What makes a family of encoders a family, as data."""

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
        title: its name for people.
        prefix: what the encoder's weights are called by in a whole model, before a dot; "": nothing.
        architecture: the class of its cross-encoders in transformers.
        head: the head of `lce_tf.model.heads` that computes what that classifier's does.
        head_names: names of that head's layers -> those in the classifier's weights.
        names: parts of `Encoder` -> their names in the weights, in which `{i}` is the layer's number. A tuple names the
            parts that lie side by side in one layer of ours.
        keys: what becomes of the keys of its `config.json`, besides those that any family has.
        defaults: fields of `EncoderConfig` that its `config.json` may leave out, where they differ from that class's.
        derive: of a parsed `config.json` and the fields that single keys fill, the fields that several keys decide.
        positions: "table": an embedding a position; "after padding": the same, numbered from the padding's id + 1, at
            which tokens of padding lie; "none".
        attention: a key of `lce_tf.model.attention.ATTENTIONS`.
        norm: "layer", or "rms" without mean and bias.
        before: whether norms stand before attention and feed-forward (pre-norm) instead of after their sums.
        first_norm: where norms stand before, whether the first layer has one before its attention, too.
        biases: whether the dense layers have biases, in a family whose `config.json` does not say.
        unused: what weights may have that no cross-encoder reads, beside heads of pretraining: a regular expression.
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
    first_norm: bool = True
    biases: bool = True
    unused: str = ""
    answers: tuple[tuple[str, str], ...] = ()

    @property
    def start(self) -> str:
        """What the names of the encoder's weights begin with in a whole model."""
        return self.prefix and f"{self.prefix}."

    @property
    def all_keys(self) -> tuple[Key, ...]:
        """Its own keys, then those of any family that it says nothing else of."""
        own = {key.name for key in self.keys}
        return (*self.keys, *(key for key in COMMON if key.name not in own))
