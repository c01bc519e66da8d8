"""The two answers of a sequence-to-sequence reranker, such as monoT5, as a head with two outputs."""

from pathlib import Path

import numpy as np

from lce_tf.errors import UserError
from lce_tf.model.config import EncoderConfig
from lce_tf.tokens.tokenizers import WordPieces

# Keys of `config.json` for the output embeddings of `arrays`. If they were tied, transformers before version 5 would
# put the word embeddings in their place. Where they are not, no version scales the decoder's vector.
UNTIED = {"tie_word_embeddings": False, "scale_decoder_outputs": False}


def kernel(config: EncoderConfig, folder: Path, file: Path, arrays: dict[str, np.ndarray]) -> np.ndarray:
    """[hidden, 2] float32: the output embeddings of the answers (not relevant, relevant), scaled as the model does.

    Args:
        folder: where the tokenizer is.
        file: the weight file, named in errors.
        arrays: the weights.

    Raises:
        UserError: the tokenizer has no words for the answers, or the weights have no rows for them.
    """
    rows = arrays.get("lm_head.weight", arrays.get(f"{config.family.names['words']}.weight"))
    tokens = found(config, folder).values()
    if rows is None or rows.ndim != 2 or rows.shape[1] != config.hidden_size or max(tokens) >= len(rows):
        raise UserError(f"{file}: lm_head.weight is missing or does not fit config.json; is it a finished reranker?")
    return rows[list(tokens)].T * np.float32(_scale(config))


def arrays(config: EncoderConfig, folder: Path, row: np.ndarray, encoder: dict[str, np.ndarray]) -> dict:
    """The weights of a whole sequence-to-sequence model that a score does not need, and its output embeddings.

    The output embeddings are the word embeddings, scaled as the model does, except those of the two answers, whose
    logits differ by the ranking score: `UNTIED` says so. Query and key weights of the decoder's self-attention are
    zero: its first step has one token only.

    Args:
        folder: where the tokenizer is.
        row: [hidden]; the ranking score is its dot product with the decoder's vector.
        encoder: the weights of encoder and decoder; not changed.
    """
    words = encoder[f"{config.family.names['words']}.weight"]
    outputs, (no, yes) = words * np.float32(_scale(config)), found(config, folder).values()
    outputs[no], outputs[yes] = -0.5 * row, 0.5 * row
    whole = {"lm_head.weight": outputs}
    for i in range(config.num_decoder_layers):
        at = config.family.names["decoder.self_value"].format(i=i).removesuffix(".v")
        value = encoder[f"{at}.v.weight"]
        whole |= {f"{at}.{part}.weight": np.zeros_like(value) for part in "qk"}
        if not i:
            shape = [config.relative_attention_num_buckets, config.num_attention_heads]
            whole[f"{at}.relative_attention_bias.weight"] = np.zeros(shape, np.float32)
    return whole


def _scale(config: EncoderConfig) -> float:
    return config.hidden_size**-0.5 if config.scale_decoder_outputs else 1.0


def found(config: EncoderConfig, folder: Path) -> dict[str, int]:
    """The answers for not relevant and relevant, and their token ids: the first of `Family.answers` that the tokenizer
    has.
    """
    from tokenizers import Tokenizer

    file = folder / "tokenizer.json"
    if file.is_file():
        try:
            id_of = Tokenizer.from_file(str(file)).token_to_id
        except Exception as error:  # the library raises Exception itself
            raise UserError(f"{file}: cannot be read as a tokenizer ({str(error).splitlines()[0]})") from error
    else:  # an older vocabulary, such as spiece.model, alone
        file, id_of = folder, WordPieces(folder).id_of
    for pair in config.family.answers:
        ids = tuple(id_of(word) for word in pair)
        if None not in ids:
            return dict(zip(pair, ids, strict=True))
    known = ", or ".join(" and ".join(pair) for pair in config.family.answers)
    raise UserError(f"{file}: has no words for the two answers, {known}; is it a reranker?")
