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
    return rows[list(tokens)].T * np.float32(_scale(config))


def arrays(config: EncoderConfig, folder: Path, row: np.ndarray, encoder: dict[str, np.ndarray]) -> dict:
    """What a whole model has beside the encoder's and decoder's weights that a score is made of.

    The output embeddings are the words' own, but for the two answers: their difference is the ranking score. Queries
    and keys of the decoder's own attention are zero, since its first step has only one token to attend to.

    Args:
        folder: where the tokenizer is.
        row: [hidden], what the score is the product of the decoder's vector with.
        encoder: the encoder's and decoder's weights, which are not changed.
    """
    words = encoder[f"{config.family.names['words']}.weight"]
    outputs, (no, yes) = words.copy(), token_ids(config, folder)
    outputs[no], outputs[yes] = -0.5 * row / _scale(config), 0.5 * row / _scale(config)
    found = {"lm_head.weight": outputs}
    for i in range(config.num_decoder_layers):
        at = config.family.names["decoder.self_value"].format(i=i).removesuffix(".v")
        value = encoder[f"{at}.v.weight"]
        found |= {f"{at}.{part}.weight": np.zeros_like(value) for part in "qk"}
        if not i:
            shape = [config.relative_attention_num_buckets, config.num_attention_heads]
            found[f"{at}.relative_attention_bias.weight"] = np.zeros(shape, np.float32)
    return found


def _scale(config: EncoderConfig) -> float:
    return config.hidden_size**-0.5 if config.scale_decoder_outputs else 1.0


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
