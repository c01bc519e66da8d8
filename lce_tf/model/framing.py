"""The template by which the pairs of a model are packed."""

from pathlib import Path
from typing import Any

from lce_tf.errors import UserError
from lce_tf.model import hub
from lce_tf.model.config import EncoderConfig
from lce_tf.tokens.template import PairTemplate
from lce_tf.tokens.tokenizers import WordPieces

# Families that read a prompt instead of special tokens.
PROMPTED = ("t5", "mt5")


def template_of(folder: Path, config: EncoderConfig, tokenizer: WordPieces) -> PairTemplate:
    """The template for the model in `folder`.

    A model trained here keeps the template that it was trained with: BERT's where its configuration says nothing. For
    any other model it is that of its own tokenizer.

    Raises:
        UserError: the tokenizer's frame cannot be packed, or the model has no embedding for one of its token types.
    """
    ours = hub.read_config(folder).get("lce_tf") or {}
    if "scoring" in ours:
        if ours.get("template") is None:
            return PairTemplate.bert(*tokenizer.special)
        try:
            return PairTemplate.from_json(ours["template"])
        except (TypeError, AttributeError) as error:
            raise UserError(
                f"{folder / 'config.json'}: its lce_tf part is not what training writes ({error})"
            ) from error
    template = tokenizer.prompted if config.model_type in PROMPTED else tokenizer.template
    if template.has_types and config.type_vocab_size == 1:
        raise UserError(
            f"{folder}: its tokenizer gives token types 0 and 1, its config.json has a type_vocab_size of 1; leave "
            "token_type_ids out of model_input_names in tokenizer_config.json if the model was trained without"
        )
    return template


def template_entry(folder: Path, config: EncoderConfig) -> dict[str, Any]:
    """What `checkpoint.save` has to be told so that a checkpoint made of the model in `folder` keeps its template.

    Empty for BERT's template. The arguments and errors are `template_of`'s.
    """
    tokenizer = WordPieces(folder)
    kept = recorded(template_of(folder, config, tokenizer), tokenizer)
    return {} if kept is None else {"template": kept}


def recorded(template: PairTemplate, tokenizer: WordPieces) -> dict | None:
    """The template as a checkpoint records it; None: it is BERT's, which is not recorded."""
    special = tokenizer.cls, tokenizer.sep, tokenizer.pad
    return None if None not in special and template == PairTemplate.bert(*special) else template.as_json()
