"""Cross-encoders in Hugging Face's sequence classification layout: how they score and cut pairs."""

from pathlib import Path
from typing import Any

from lce_tf.errors import UserError
from lce_tf.model import st_layout
from lce_tf.model.config import EncoderConfig, Scoring
from lce_tf.model.families import FAMILIES
from lce_tf.model.framing import PROMPTED
from lce_tf.tokens.lengths import Lengths

ACTIVATIONS = {"Identity": "identity", "Sigmoid": "sigmoid", "Tanh": "tanh"}
# Names, in lower case, of a label that means relevant, and of one that means not relevant.
POSITIVE = set("relevant yes true positive related entailment duplicate match correct good 1".split())
NEGATIVE = set("irrelevant unrelated no false negative mismatch different incorrect wrong bad 0".split())


def is_classifier(values: dict[str, Any]) -> bool:
    """Whether a parsed `config.json` names a model for sequence classification, or a family's own cross-encoder."""
    names, own = values.get("architectures"), {family.architecture for family in FAMILIES.values()}
    return isinstance(names, list) and any(
        str(name).endswith("ForSequenceClassification") or str(name) in own for name in names
    )


def scoring_of(values: dict[str, Any], config: EncoderConfig, folder: Path) -> Scoring:
    """How the classifier in `folder` ranks.

    One label: its logit is the score. Two labels: the score is the difference of their logits, which orders as the
    softmax probability of the relevant label does; if the folder names a function for scores, it is the logit of the
    relevant label alone. The names of the labels say which is relevant; without names it is the second, and if the
    names do not tell, the rule is "undecided". A folder that names no function gets sentence-transformers' default: a
    sigmoid for one label, none for two. The two answers of a sequence-to-sequence model rank like two labels; the
    logarithm of the second's probability is shown.

    Raises:
        UserError: another number of labels, or a function that is not in `ACTIVATIONS`.
    """
    file, layout = folder / "config.json", st_layout.read(folder)
    if config.family.answers:
        return Scoring(outputs=2, activation="log_sigmoid")
    # Hugging Face leaves out id2label and num_labels for two labels, its default.
    names = values.get("id2label")
    names = names if isinstance(names, dict) and names and layout.outputs is None else {}
    labels = layout.outputs or len(names) or values.get("num_labels") or 2
    if labels not in (1, 2):
        raise UserError(f"{file}: has {labels} labels; a cross-encoder that ranks has one or two")
    activation = _activation(values, layout, labels, folder)
    rule = "difference"
    if labels == 2:
        relevant = _relevant([str(names.get(str(label), f"LABEL_{label}")) for label in (0, 1)])
        rule = rule_of(relevant, activation)
    head = "linear" if layout.pooling else FAMILIES[config.model_type].head
    return Scoring(outputs=labels, head=head, rule=rule, activation=activation)


def rule_of(relevant: int | None, activation: str) -> str:
    """The rule of `Scoring` for two labels, where label `relevant` means relevant; None: it is not known which."""
    if relevant is None:
        return "undecided"
    alone = activation != "identity"
    return ("first" if alone else "reversed") if relevant == 0 else ("last" if alone else "difference")


def lengths_of(values: dict[str, Any], config: EncoderConfig, folder: Path) -> Lengths:
    """How pairs are cut: as the `lce_tf` part of `config.json` says, if there is one.

    Otherwise as sentence-transformers cuts them: to the limit in its own files or the tokenizer's, but at most the
    model's positions, the longer text of a pair first. In a sequence-to-sequence model only the passage is cut, since
    the end of the prompt has to stay.
    """
    if kept := values.get("lce_tf"):
        try:
            return Lengths(**kept["lengths"])
        except (KeyError, TypeError) as error:
            raise UserError(f"{folder / 'config.json'}: its lce_tf part is not what export writes ({error})") from error
    layout, tokenizer = st_layout.read(folder), st_layout.json_object(folder / "tokenizer_config.json")
    limit = layout.limit or layout.tokenizer_limit or tokenizer.get("model_max_length") or tokenizer.get("max_len")
    if not isinstance(limit, int | float | None):
        raise UserError(f"{folder}: its settings limit a pair to {limit!r:.40} tokens; write a number there")
    limit = limit if limit and limit > 0 else config.positions
    sequence = int(min(config.positions, limit))
    alone = layout.truncation == "only_second" or config.model_type in PROMPTED
    side = layout.side or tokenizer.get("truncation_side") or _saved_side(folder) or "right"
    if sequence < 5:
        raise UserError(f"{folder}: a pair may have {sequence} tokens only, which leaves no room for two texts")
    return Lengths(query=sequence - 4, sequence=sequence, cut="passage" if alone else "longest", side=side)


def _saved_side(folder: Path) -> str | None:
    """The truncation side saved in `tokenizer.json`, which the tokenizer keeps using; None: none is saved."""
    saved = st_layout.json_object(folder / "tokenizer.json").get("truncation")
    return saved["direction"].lower() if isinstance(saved, dict) and "direction" in saved else None


def _relevant(names: list[str]) -> int | None:
    """Which of two labels means relevant; None: their names do not tell."""
    plain = [" ".join(name.lower().replace("_", " ").replace("-", " ").split()) for name in names]
    if plain == ["label 0", "label 1"]:
        return 1
    kinds = [_kind(name) for name in plain]
    if kinds[0] == kinds[1]:
        return None
    return 1 if kinds[1] > kinds[0] else 0


def _kind(name: str) -> int:
    """1 for a name that means relevant, -1 for one that means not relevant, 0 for any other."""
    if name in POSITIVE:
        return 1
    negated = any(name.removeprefix(f"{no} ") in POSITIVE and name.startswith(f"{no} ") for no in ("not", "non", "no"))
    return -1 if negated or name in NEGATIVE or name.removeprefix("non") in POSITIVE else 0


def _activation(values: dict[str, Any], layout: st_layout.Layout, labels: int, folder: Path) -> str:
    newer = values.get("sentence_transformers")
    # The newer key takes precedence over the older one, even if its function is not trusted.
    if isinstance(newer, dict) and "activation_fn" in newer:
        named = newer["activation_fn"]
    else:
        named = values.get("sbert_ce_default_activation_function")
    for name in (layout.activation, named):
        # sentence-transformers trusts PyTorch's classes only; for any other class it uses its default.
        if name is not None and str(name).startswith("torch."):
            known = ACTIVATIONS.get(str(name).rpartition(".")[2])
            if known is None:
                raise UserError(f"{folder}: applies {name} to its logits; known are {', '.join(ACTIVATIONS)}")
            return known
    return "sigmoid" if labels == 1 else "identity"
