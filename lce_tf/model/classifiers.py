"""Cross-encoders in Hugging Face's sequence classification layout: what a folder says of scores and lengths."""

from pathlib import Path
from typing import Any

from lce_tf.errors import UserError
from lce_tf.files import read_json
from lce_tf.model.config import EncoderConfig, Lengths, Scoring
from lce_tf.model.families import FAMILIES

# Where sentence-transformers names the function that it applies to logits: the newest place first.
SETTINGS_FILE = "config_sentence_transformers.json"
ACTIVATIONS = {"Identity": "identity", "Sigmoid": "sigmoid"}
# Public cross-encoders were trained on no more, whatever their tokenizer would let through.
LONGEST = 512


def is_classifier(values: dict[str, Any]) -> bool:
    """Whether a parsed `config.json` names a model for sequence classification, or a family's own cross-encoder."""
    names, own = values.get("architectures"), {family.architecture for family in FAMILIES.values()}
    return isinstance(names, list) and any(
        str(name).endswith("ForSequenceClassification") or str(name) in own for name in names
    )


def reads_special_words(values: dict[str, Any]) -> bool:
    """Whether words that spell a special token are that token for the library that made a checkpoint.

    They are for Hugging Face's and sentence-transformers', and are plain text for ours, exported or not.
    """
    return is_classifier(values) and "lce_tf" not in values


def scoring_of(values: dict[str, Any], config: EncoderConfig, folder: Path) -> Scoring:
    """How the classifier in `folder` ranks.

    One label is a score. Two are no and yes, ranked by their difference, which orders as the softmax probability of
    the second does; where the folder names a sigmoid for them, by the second alone. A folder that names no function
    gets the logit as it is. The two answers of a sequence-to-sequence model are ranked as two labels; the logarithm of
    the second's probability is written.

    Raises:
        UserError: other numbers of labels, or another function.
    """
    file = folder / "config.json"
    if config.family.answers:
        return Scoring(outputs=2, activation="log_sigmoid")
    # Hugging Face leaves both out for two labels, its default.
    names = values.get("id2label")
    labels = len(names) if isinstance(names, dict) and names else values.get("num_labels") or 2
    if labels not in (1, 2):
        raise UserError(f"{file}: has {labels} labels; a cross-encoder that ranks has one or two")
    activation = _activation(values, folder)
    rule = "last" if activation == "sigmoid" and labels == 2 else "difference"
    return Scoring(outputs=labels, head=FAMILIES[config.model_type].head, rule=rule, activation=activation)


def lengths_of(values: dict[str, Any], config: EncoderConfig, folder: Path) -> Lengths:
    """How pairs are cut: as the folder's `lce_tf` part says, where it has one.

    Otherwise a pair has as many wordpieces as the positions, the tokenizer's limit and `LONGEST` allow, a query has no
    limit of its own, and the passage gives way.
    """
    if kept := values.get("lce_tf"):
        try:
            return Lengths(**kept["lengths"])
        except (KeyError, TypeError) as error:
            raise UserError(f"{folder / 'config.json'}: its lce_tf part is not what export writes ({error})") from error
    limit = _settings(folder / "tokenizer_config.json").get("model_max_length")
    limit = limit if isinstance(limit, (int, float)) and limit > 0 else LONGEST
    sequence = int(min(LONGEST, config.positions, limit))
    return Lengths(query=sequence - 4, sequence=sequence)


def _activation(values: dict[str, Any], folder: Path) -> str:
    newer = values.get("sentence_transformers")
    name = (
        _settings(folder / SETTINGS_FILE).get("activation_fn")
        or (newer.get("activation_fn") if isinstance(newer, dict) else None)
        or values.get("sbert_ce_default_activation_function")
        or "Identity"
    )
    known = ACTIVATIONS.get(str(name).rpartition(".")[2])
    if known is None:
        raise UserError(f"{folder}: applies {name} to its logits; known are {', '.join(ACTIVATIONS)}")
    return known


def _settings(path: Path) -> dict[str, Any]:
    """The object in a JSON file; nothing where there is no such file."""
    value = read_json(path) if path.is_file() else {}
    if not isinstance(value, dict):
        raise UserError(f"{path}: is not a JSON object")
    return value
