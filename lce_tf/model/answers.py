"""The two answers of a sequence-to-sequence reranker, such as monoT5, as a head with two outputs."""

from pathlib import Path

import numpy as np

from lce_tf.errors import UserError
from lce_tf.model.config import EncoderConfig


def kernel(config: EncoderConfig, folder: Path, file: Path, arrays: dict[str, np.ndarray]) -> np.ndarray:
    """[hidden, 2] float32: the output embeddings of (not relevant, relevant), scaled as the family scales.

    Args:
        folder: where the tokenizer is.
        file: of the weights, for messages.
        arrays: the weights.

    Raises:
        UserError: the tokenizer has no such words, or the weights have no row for them.
    """
    rows = arrays.get("lm_head.weight", arrays.get(f"{config.family.names['words']}.weight"))
    tokens = token_ids(config, folder)
    if rows is None or rows.ndim != 2 or rows.shape[1] != config.hidden_size or max(tokens) >= len(rows):
        raise UserError(f"{file}: lm_head.weight is missing or does not fit config.json; is it a finished reranker?")
    scale = config.hidden_size**-0.5 if config.scale_decoder_outputs else 1.0
    return rows[list(tokens)].T * np.float32(scale)


def token_ids(config: EncoderConfig, folder: Path) -> tuple[int, int]:
    """The ids of (not relevant, relevant): of the first pair of `Family.answers` that the tokenizer knows."""
    from tokenizers import Tokenizer

    file = folder / "tokenizer.json"
    if not file.is_file():
        raise UserError(f"{folder}: has no tokenizer.json, which says what the answers' ids are")
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises Exception itself
        raise UserError(f"{file}: cannot be read as a tokenizer ({str(error).splitlines()[0]})") from error
    for pair in config.family.answers:
        ids = tuple(tokenizer.token_to_id(word) for word in pair)
        if None not in ids:
            return ids
    known = ", or ".join(" and ".join(pair) for pair in config.family.answers)
    raise UserError(f"{file}: has no words for the two answers, {known}; is it a reranker?")
