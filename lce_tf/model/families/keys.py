"""What becomes of the keys of a `config.json`: each is used, irrelevant to a score, or refused at other values."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

LEFT_OUT = object()  # what a key's `write` returns if the key is not to be written


def _same(value: Any) -> Any:
    return value


class Key(NamedTuple):
    """A key of a family's `config.json`.

    Attributes:
        name: the key.
        field: the field of `EncoderConfig` that it fills; "": none.
        why: why it changes no score, for a key that fills no field; why other values are refused, for one with `only`.
        only: the values that are accepted; empty: all are.
        read, write: turn the key's value into the field's, and back. Without `read`, the family's `derive` reads the
            key; without `write`, or if that returns `LEFT_OUT`, the key is not written.
    """

    name: str
    field: str = ""
    why: str = ""
    only: tuple = ()
    read: Callable[[Any], Any] | None = _same
    write: Callable[[Any], Any] | None = _same

    @property
    def outcome(self) -> str:
        """What becomes of the key, as text for the docs."""
        if self.only:
            values = ["left out" if one is None else f"`{json.dumps(one)}`" for one in self.only]
            return "refused unless " + " or ".join(values)
        return "irrelevant" if self.why else "used"


def used(*names: str, **renamed: str) -> tuple[Key, ...]:
    """Keys that fill the field of the same name, and keys that fill another field, given as key=field."""
    return (*(Key(name, name) for name in names), *(Key(name, field) for name, field in renamed.items()))


def irrelevant(why: str, *names: str) -> tuple[Key, ...]:
    """Keys that change no score, for one reason."""
    return tuple(Key(name, why=why) for name in names)


_TRAINING = "only read while training"
_TOKENS = "the tokenizer's files say it"
_OUTPUTS = "decides what else is returned"
# Keys that any family's `config.json` may have.
COMMON = (
    Key("auto_map", why="names Python code of the checkpoint's own, which is not run", only=(None,)),
    Key("quantization_config", why="names weights in a form that is not read", only=(None,)),
    Key("pruned_heads", why="pruned heads are not supported", only=(None, {})),
    Key("is_decoder", why="only encoders, which attend both ways, can be loaded", only=(False, None)),
    Key("add_cross_attention", why="only encoders without cross-attention can be loaded", only=(False, None)),
    *irrelevant("read by the loader, see the settings of checkpoints", "architectures", "id2label", "label2id"),
    *irrelevant("read by the loader, see the settings of checkpoints", "num_labels", "sentence_transformers"),
    *irrelevant("read by the loader, see the settings of checkpoints", "sbert_ce_default_activation_function"),
    *irrelevant("written by this package: how scores are made and pairs cut", "lce_tf"),
    *irrelevant("weights are read as float32 whatever they were stored as", "dtype", "torch_dtype"),
    *irrelevant(_TOKENS, "bos_token_id", "eos_token_id", "sep_token_id", "cls_token_id", "tokenizer_class", "prefix"),
    *irrelevant(_TRAINING, "problem_type", "finetuning_task", "gradient_checkpointing", "task_specific_params"),
    *irrelevant(_OUTPUTS, "output_attentions", "output_hidden_states", "return_dict", "use_cache", "torchscript"),
    *irrelevant("same result, computed in pieces", "chunk_size_feed_forward"),
    *irrelevant("about the language model's head, which is not read", "tie_word_embeddings"),
    *irrelevant("says which program wrote the file", "transformers_version", "_name_or_path", "name_or_path"),
    *irrelevant("not set for encoders", "is_encoder_decoder", "cross_attention_hidden_size", "tie_encoder_decoder"),
)
# The keys of BERT's layers, which many families share.
BERT_SIZES = used(
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "hidden_act",
    "hidden_dropout_prob",
    "attention_probs_dropout_prob",
    "max_position_embeddings",
    "layer_norm_eps",
    "initializer_range",
)
ABSOLUTE = Key(
    "position_embedding_type",
    why="relative positions of that kind are no longer computed by transformers",
    only=("absolute", None),
)
PADDING = Key(
    "pad_token_id",
    "pad_token_id",
    why="padding is told from tokens by the lengths of pairs; kept for other programs",
)
HEAD_DROPOUT = "only read while training, where the head drops out at hidden_dropout_prob"
