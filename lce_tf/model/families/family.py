"""What makes a family of encoders a family, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True)
class Family:
    """A family of encoders in Hugging Face's layout.

    Attributes:
        model_type: its name in `config.json`.
        help: one line about it.
        prefix: what the encoder's weights are called by in a whole model, before a dot.
        architecture: the class of its sequence classifiers in transformers.
        head: the head of `lce_tf.model.heads` that computes what that classifier's does.
        head_names: names of that head's layers -> those in the classifier's weights.
        defaults: sizes that its `config.json` may leave out, where they differ from `EncoderConfig`'s.
        own_embedding_size: whether embeddings may be narrower than the hidden size.
    """

    model_type: str
    help: str
    prefix: str
    architecture: str
    head: str
    head_names: Mapping[str, str]
    defaults: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    own_embedding_size: bool = False
