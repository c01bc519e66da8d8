"""What becomes of each setting in a public cross-encoder's files: used, irrelevant to a score, or refused by name.

Keys are those that transformers 5 and sentence-transformers 6 read. The settings of the tokenizer's files are not
listed: transformers' own tokenizer reads them, and its output for a few pairs is inspected (`lce_tf.tokens.template`).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from lce_tf.errors import UserError
from lce_tf.model import st_layout
from lce_tf.model.families import FAMILIES
from lce_tf.model.hub import read_config

USED, IRRELEVANT, REFUSED = "used", "irrelevant", "refused"


class Setting(NamedTuple):
    """One key.

    Attributes:
        key: its name; parts of nested objects are joined by dots, and "*" at the end stands for all keys below.
        outcome: `USED`, `IRRELEVANT` or `REFUSED`; nothing that is null, false, empty or 0 is refused.
        why: what it decides, why it changes no score, or why it cannot be followed.
        unless: further values that are not refused.
    """

    key: str
    outcome: str
    why: str
    unless: tuple = ()


def _of(outcome: str, why: str, *keys: str, unless: tuple = ()) -> list[Setting]:
    return [Setting(key, outcome, why, unless) for key in keys]


CONFIG = (
    *_of(USED, "which classes: only sequence classifiers have a score", "architectures"),
    *_of(USED, "the family, whose record decides about the encoder's keys (docs/families.md)", "model_type"),
    *_of(USED, "how many scores there are, and which means relevant", "id2label", "num_labels"),
    *_of(IRRELEVANT, "says what num_labels says; transformers does not read it", "_num_labels"),
    *_of(USED, "the function of the scores", "sentence_transformers.activation_fn"),
    *_of(USED, "the function of the scores, before version 4", "sbert_ce_default_activation_function"),
    *_of(USED, "how pairs are cut, where this package exported the model", "lce_tf.*"),
    *_of(IRRELEVANT, "the version that wrote the file", "sentence_transformers.version", "transformers_version"),
    *_of(IRRELEVANT, "the inverse of id2label", "label2id"),
    *_of(IRRELEVANT, "chooses a loss", "problem_type", "finetuning_task"),
    *_of(IRRELEVANT, "dropout, which scoring has not", "classifier_dropout", "pooler_dropout", "cls_dropout"),
    *_of(IRRELEVANT, "weights are read as float32", "dtype", "torch_dtype"),
    *_of(IRRELEVANT, "same result, computed in another way", "chunk_size_feed_forward", "gradient_checkpointing"),
    *_of(IRRELEVANT, "same result, computed in another way", "attn_implementation", "_attn_implementation_autoset"),
    *_of(IRRELEVANT, "no part of a classifier's score", "use_cache", "output_attentions", "output_hidden_states"),
    *_of(IRRELEVANT, "no part of a classifier's score", "return_dict", "output_past", "tie_word_embeddings"),
    *_of(IRRELEVANT, "no part of a classifier's score", "torchscript", "use_bfloat16", "cross_attention_hidden_size"),
    *_of(IRRELEVANT, "no part of a classifier's score", "directionality", "pooler_fc_size", "pooler_size_per_head"),
    *_of(IRRELEVANT, "no part of a classifier's score", "pooler_num_attention_heads", "pooler_num_fc_layers"),
    *_of(IRRELEVANT, "no part of a classifier's score", "pooler_type", "tie_encoder_decoder", "task_specific_params"),
    *_of(IRRELEVANT, "no part of a classifier's score", "summary_activation", "summary_last_dropout", "summary_type"),
    *_of(IRRELEVANT, "the family says it", "is_encoder_decoder"),
    *_of(IRRELEVANT, "no part of a classifier's score", "summary_use_proj", "generator_size", "tie_weights_"),
    *_of(IRRELEVANT, "a name", "_name_or_path", "name_or_path", "_commit_hash", "model_name", "license"),
    *_of(IRRELEVANT, "the tokenizer says it", "pad_token_id", "bos_token_id", "eos_token_id", "sep_token_id"),
    *_of(IRRELEVANT, "the tokenizer says it", "cls_token_id", "mask_token_id", "unk_token_id", "tokenizer_class"),
    *_of(IRRELEVANT, "the tokenizer says it", "prefix", "decoder_start_token_id", "do_lower_case"),
    *_of(IRRELEVANT, "generates text", "max_length", "min_length", "do_sample", "early_stopping", "num_beams"),
    *_of(IRRELEVANT, "generates text", "num_beam_groups", "diversity_penalty", "temperature", "top_k", "top_p"),
    *_of(IRRELEVANT, "generates text", "typical_p", "repetition_penalty", "length_penalty", "no_repeat_ngram_size"),
    *_of(IRRELEVANT, "generates text", "encoder_no_repeat_ngram_size", "bad_words_ids", "num_return_sequences"),
    *_of(IRRELEVANT, "generates text", "output_scores", "return_dict_in_generate", "forced_bos_token_id"),
    *_of(IRRELEVANT, "generates text", "forced_eos_token_id", "remove_invalid_values", "suppress_tokens"),
    *_of(IRRELEVANT, "generates text", "exponential_decay_length_penalty", "begin_suppress_tokens"),
    *_of(IRRELEVANT, "code of a checkpoint is never run", "custom_pipelines.*"),
    *_of(IRRELEVANT, "TinyBERT's; read by no version of transformers", "emb_size"),
    *_of(REFUSED, "names Python code of the checkpoint's own, which is not run", "auto_map"),
    *_of(REFUSED, "only encoders, which attend both ways, can be loaded", "is_decoder", "add_cross_attention"),
    *_of(REFUSED, "only absolute positions are computed", "position_embedding_type", unless=("absolute",)),
    *_of(REFUSED, "quantised weights are not read", "quantization_config"),
    *_of(REFUSED, "heads that were taken out are not supported", "pruned_heads"),
)
SETTINGS = (
    *_of(USED, "whether the other settings count", "model_type"),
    *_of(USED, "the function of the scores", "activation_fn"),
    *_of(USED, "put before each query", "default_prompt_name", "prompts.*"),
    *_of(IRRELEVANT, "versions", "__version__.*", "requirements", "requirements.*"),
    *_of(IRRELEVANT, "compares vectors, of which a cross-encoder has none", "similarity_fn_name"),
    *_of(IRRELEVANT, "all of the head is computed in float32", "keep_in_fp32_modules"),
    *_of(IRRELEVANT, "cuts vectors, of which a cross-encoder has none", "truncate_dim"),
)
TRANSFORMER = (
    *_of(USED, "whether the model has a head", "transformer_task"),
    *_of(USED, "tokens of a pair", "max_seq_length", "processing_kwargs.text.max_length"),
    *_of(USED, "tokens of a pair", "processor_kwargs.model_max_length"),
    *_of(USED, "texts in lower case", "do_lower_case"),
    *_of(USED, "the end that a text loses", "processor_kwargs.truncation_side"),
    *_of(
        REFUSED,
        "only cutting the longer text or the passage is supported",
        "processing_kwargs.text.truncation",
        unless=(True, "longest_first", "only_second", "do_not_truncate"),
    ),
    *_of(IRRELEVANT, "padding is masked out", "processing_kwargs.text.padding", "processing_kwargs.text.padding_side"),
    *_of(IRRELEVANT, "padding is masked out", "processing_kwargs.text.pad_to_multiple_of"),
    *_of(IRRELEVANT, "padding is masked out", "processor_kwargs.padding_side", "processor_kwargs.use_fast"),
    *_of(IRRELEVANT, "about the form of arrays", "processing_kwargs.common.return_tensors"),
    *_of(IRRELEVANT, "of other inputs than pairs of texts", "processing_kwargs.audio.*", "processing_kwargs.image.*"),
    *_of(IRRELEVANT, "of other inputs than pairs of texts", "processing_kwargs.video.*"),
    *_of(IRRELEVANT, "of decoders", "processing_kwargs.chat_template.*", "processing_kwargs.text.logits_to_keep"),
    *_of(IRRELEVANT, "what the model's class gives is known", "modality_config.*", "module_output_name"),
    *_of(IRRELEVANT, "same result, computed in another way", "unpad_inputs", "model_kwargs.attn_implementation"),
    *_of(IRRELEVANT, "weights are read as float32", "model_kwargs.dtype", "model_kwargs.torch_dtype"),
    *_of(IRRELEVANT, "code of a checkpoint is never run", "model_kwargs.trust_remote_code"),
    *_of(IRRELEVANT, "code of a checkpoint is never run", "config_kwargs.trust_remote_code"),
    *_of(IRRELEVANT, "code of a checkpoint is never run", "processor_kwargs.trust_remote_code"),
    *_of(IRRELEVANT, "of texts alone, not of pairs", "query_length", "document_length"),
    *_of(REFUSED, "the tokenizer has to be in the folder", "tokenizer_name_or_path"),
    *_of(REFUSED, "of late interaction", "query_expansion"),
)
DENSE = (
    *_of(USED, "the linear layer", "in_features", "out_features", "bias"),
    *_of(USED, "what it goes from and to; anything but scores is refused", "module_input_name", "module_output_name"),
    *_of(USED, "refused unless the identity", "activation_function"),
    *_of(REFUSED, "only a plain linear layer is supported", "use_residual"),
)
POOLING = (
    *_of(USED, "which vector is scored", "pooling_mode", "pooling_mode_cls_token", "pooling_mode_mean_tokens"),
    *_of(REFUSED, "pools in another way than by [CLS] or mean", "pooling_mode_max_tokens"),
    *_of(REFUSED, "pools in another way than by [CLS] or mean", "pooling_mode_mean_sqrt_len_tokens"),
    *_of(REFUSED, "pools in another way than by [CLS] or mean", "pooling_mode_weightedmean_tokens"),
    *_of(REFUSED, "pools in another way than by [CLS] or mean", "pooling_mode_lasttoken"),
    *_of(IRRELEVANT, "the encoder's shape says it", "word_embedding_dimension", "embedding_dimension"),
    *_of(USED, "refused where it is false: a prompt is read like any other text", "include_prompt"),
)
MODULE = (
    *_of(USED, "which modules there are", "type", "path"),
    *_of(IRRELEVANT, "a name", "idx", "name"),
    *_of(REFUSED, "arguments of a module are not followed", "kwargs"),
)
# Each table, by its title in the docs.
TABLES = {
    "config.json": CONFIG,
    st_layout.SETTINGS_FILE: SETTINGS,
    st_layout.TRANSFORMER_FILES[0]: TRANSFORMER,
    f"each module of {st_layout.MODULES_FILE}": MODULE,
    "config.json of a Dense module": DENSE,
    "config.json of a Pooling module": POOLING,
}


def check(folder: Path, trust: bool = False) -> None:
    """Checks that all settings of a public cross-encoder are known and supported.

    Args:
        trust: whether keys that are not known here are ignored.

    Raises:
        UserError: a setting that changes scores is not supported, or a setting is not known and may change them.
    """
    for file, values, table in _objects(folder):
        for key, value in _flat(values, table):
            known = _known(key, table)
            if known is None and value not in (None, False, "", [], {}) and not trust:
                raise UserError(
                    f"{file}: {key} is {value!r:.60}, which is not known here and may change scores; to score without "
                    "it, give --trust-settings where the command has that option (rerank, score, serve), or take it out"
                )
            if known is not None and known.outcome == REFUSED and value and value not in known.unless:
                raise UserError(f"{file}: {key} is {value!r:.60}, which is not supported: {known.why}")


def _objects(folder: Path) -> Iterator[tuple[Path, dict[str, Any], tuple[Setting, ...]]]:
    """The settings of a folder that are in effect: file, values and the table they are looked up in."""
    values = read_config(folder)
    family = FAMILIES.get(values.get("model_type"))
    # The family's record decides about these keys when the configuration is read.
    theirs = tuple(Setting(key.name, USED, "") for key in family.all_keys) if family else ()
    others = tuple(Setting(key.name, IRRELEVANT, "") for other in FAMILIES.values() for key in other.keys)
    yield folder / "config.json", values, (*theirs, *CONFIG, *others)
    if not st_layout.read(folder).cross_encoder:
        return
    file = folder / st_layout.SETTINGS_FILE
    yield file, st_layout.json_object(file), SETTINGS
    yield folder / st_layout.TRANSFORMER_FILES[0], st_layout.transformer_settings(folder), TRANSFORMER
    file = folder / st_layout.MODULES_FILE
    for values, (kind, module) in zip(st_layout.read_json(file), st_layout.modules(folder), strict=True):
        yield file, values, MODULE
        if kind in ("Dense", "Pooling"):
            yield module / "config.json", st_layout.json_object(module / "config.json"), _TABLE_OF[kind]


_TABLE_OF = {"Dense": DENSE, "Pooling": POOLING}


def _flat(values: dict[str, Any], table: tuple[Setting, ...], before: str = "") -> Iterator[tuple[str, Any]]:
    """Keys and values; an object is taken apart if the table has keys inside it."""
    for name, value in values.items():
        key = f"{before}{name}"
        if isinstance(value, dict) and any(one.key.startswith(f"{key}.") for one in table):
            yield from _flat(value, table, f"{key}.")
        else:
            yield key, value


def _known(key: str, table: tuple[Setting, ...]) -> Setting | None:
    for one in table:
        if one.key == key or (one.key.endswith(".*") and key.startswith(one.key[:-1])):
            return one
    return None
