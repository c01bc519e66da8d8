"""A trained cross-encoder as a folder: `config.json`, `model.safetensors` and the tokenizer, readable anywhere.

`trained`, `load` and `identity` read what `save` wrote, and public cross-encoders in Hugging Face's layout as well.
"""

import hashlib
import json
import re
import shutil
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lce_tf.errors import UserError
from lce_tf.foundation.disk import CHECKPOINT
from lce_tf.foundation.files import make_folder, sha256_of, write_json, written
from lce_tf.foundation.training_folder import TrainingFolder
from lce_tf.model import answers, classifiers, hub, st_layout
from lce_tf.model.config import EncoderConfig, Scoring
from lce_tf.model.families import FAMILIES
from lce_tf.model.precision import PRECISIONS, Precision, keep_float32
from lce_tf.model.weight_files import canonical, read_arrays
from lce_tf.model.weights import check_sizes, encoder_arrays, first_layers, load_encoder
from lce_tf.tokens.lengths import Lengths

if TYPE_CHECKING:  # TensorFlow is loaded only by what builds a model
    from lce_tf.model.cross_encoder import CrossEncoder


def from_backbone(
    name: str, scoring: Scoring, precision: Precision, seed: int, dropout: float | None = None, layers: int = 0
) -> "CrossEncoder":
    """A cross-encoder with a pretrained encoder and a new head; a trained backbone's head is kept if it fits.

    It fits if it has the same shape, reads the same vector, and its last logit means relevant. A single logit also fits
    as the last of two: the first is 0 then, so that the score is the same until it is trained. If the head does not
    fit, a note on stderr says why.

    Args:
        name: whatever `hub.locate` takes.
        scoring, precision: see `CrossEncoder`.
        seed: of the head's initial weights, which depend on nothing else.
        dropout: of hidden states and attention; None: as the backbone's configuration says.
        layers: see `first_layers`; 0 keeps all.
    """
    from lce_tf.model.cross_encoder import CrossEncoder

    folder = hub.locate(name)
    config = EncoderConfig.from_huggingface(hub.read_config(folder), str(folder / "config.json"))
    file = hub.weight_file(folder)
    arrays = read_arrays(file)
    check_sizes(config, file, arrays)
    if layers:
        config, arrays = first_layers(config, arrays, layers)
    keep_float32(precision)
    if dropout is not None:
        config = replace(config, hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout)
    model = CrossEncoder(config, scoring, precision)
    load_encoder(model.encoder, file, arrays)
    draws = np.random.Generator(np.random.Philox(seed))
    for layer in model.head.layers.values():
        if hasattr(layer, "kernel"):
            values = draws.standard_normal(layer.kernel.shape)
            layer.kernel.assign(np.clip(values, -2, 2) * config.initializer_range)
    why = ""
    if "lce_tf" in hub.read_config(folder):
        before = trained(folder)
    else:
        try:
            before = trained(folder) if is_public(folder) else None
        except UserError as error:  # it gives no scores here, but its encoder can be trained
            before, why = None, str(error)
    if before and not (why := _unfit(before, config, scoring)):
        added = scoring.outputs - before.scoring.outputs
        _load_head(model, folder, _with_modules(folder, before.scoring, arrays), added)
    if why:
        print(f"note: {name}: is a trained cross-encoder, but a new head is trained: {why}", file=sys.stderr)
    return model


def _unfit(before: "Trained", config: EncoderConfig, scoring: Scoring) -> str:
    """Why a new cross-encoder cannot start from the head of the one before; "" if it can."""
    own = before.scoring
    if before.config.classifier_pooling != config.classifier_pooling:
        return f"its own reads the {before.config.classifier_pooling} of the vectors, not {config.classifier_pooling}"
    if own.rule in ("reversed", "first"):
        return "the first of its own's two logits means relevant, not the second"
    if own.rule == "undecided":
        return "its labels do not tell which of its own's two logits means relevant"
    if own.head == scoring.head and own.outputs <= scoring.outputs:
        return ""
    what, wanted = (f"{one.head} with {one.outputs} logit{'s' * (one.outputs > 1)}" for one in (own, scoring))
    advice = f"--head {own.head} keeps it"
    if own.outputs == 2 and own.head != "dense":
        # The dense head has two logits whatever the loss; how many any other has is known from another only.
        if scoring.head == "dense":
            advice += " with a loss of 2 logits"
        elif scoring.outputs == 1:
            advice = "no --head of this loss keeps it"
    return f"its own is {what}, this one {wanted}; {advice}"


def save(model: "CrossEncoder", folder: str | Path, backbone: Path, lengths: Lengths, about: dict) -> None:
    """Writes a folder that `load` reads; each file is complete or absent, the configuration comes last.

    Args:
        backbone: the folder to take the tokenizer's files from.
        about: what else to keep under the configuration's "lce_tf" key, such as the loss and the recipe.
    """
    from safetensors.numpy import save as serialised

    folder = make_folder(folder)
    arrays = encoder_arrays(model.encoder, model.config.family.start) | model.head.arrays()
    with written(folder / "model.safetensors", "wb") as file:
        file.write(serialised(arrays, metadata={"format": "pt"}))
    for name in hub.TOKENIZER_FILES:
        if (backbone / name).is_file() and backbone.resolve() != folder.resolve():
            with written(folder / name, "wb") as file, open(backbone / name, "rb") as source:
                shutil.copyfileobj(source, file)
    ours = {"scoring": asdict(model.scoring), "lengths": lengths.as_json(), **about}
    write_json(folder / "config.json", {**model.config.to_huggingface(), "lce_tf": CHECKPOINT.stamped(ours)})


def copy(source: Path, target: Path) -> None:
    """Copies a folder that `save` wrote into another, the configuration last."""
    # No dot files: they are left over from interrupted writes.
    names = [file.name for file in source.glob("[!.]*") if file.is_file() and file.name != "config.json"]
    for name in [*names, "config.json"]:
        with written(target / name, "wb") as file, open(source / name, "rb") as original:
            shutil.copyfileobj(original, file)


class Trained(NamedTuple):
    """What the configuration of a trained cross-encoder says: the encoder's shape, how pairs are scored and cut."""

    config: EncoderConfig
    scoring: Scoring
    lengths: Lengths


def locate(name: str | Path) -> Path:
    """The folder of a trained cross-encoder: `name` itself, or the download of that Hugging Face id or `ID@REVISION`.

    Raises:
        UserError: `name` can only be an id, and could not be downloaded.
    """
    folder = Path(name)
    # A name whose parent folder exists is a path, maybe misspelt, and is not looked up on the hub.
    if folder.is_dir() or not re.fullmatch(r"\w[\w.-]*/[\w.-]+(@[\w./-]+)?", str(name)) or folder.parent.is_dir():
        return folder
    return hub.downloaded(str(name), "checkpoint")


def is_public(folder: Path) -> bool:
    """Whether the folder holds a cross-encoder of Hugging Face's or sentence-transformers' layout, not one of ours."""
    values = hub.read_config(folder)
    return classifiers.is_classifier(values) or ("lce_tf" not in values and st_layout.read(folder).pooling is not None)


def trained(folder: str | Path) -> Trained:
    """The configuration of a cross-encoder, in our layout or in Hugging Face's; no weights are read.

    Raises:
        UserError: the folder is missing, incomplete, or does not hold a trained cross-encoder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; name the --output of a finished training")
    if not (folder / "config.json").is_file():
        state = "its training has not finished" if TrainingFolder(folder).begun else "it holds no checkpoint"
        raise UserError(f"{folder}: has no config.json, so {state}; name the --output of a finished training")
    values = hub.read_config(folder)
    if is_public(folder):
        config = EncoderConfig.from_huggingface(values, str(folder / "config.json"))
        if pooling := st_layout.read(folder).pooling:
            config = replace(config, classifier_pooling=pooling)
        scoring = classifiers.scoring_of(values, config, folder)
        return Trained(config, scoring, classifiers.lengths_of(values, config, folder))
    ours = values.get("lce_tf")
    if not ours:
        raise UserError(f"{folder}: is a backbone without a trained head; train it first with python -m lce_tf.train")
    if isinstance(ours, dict):
        ours = CHECKPOINT.check(ours, folder / "config.json")
    file = folder / "config.json"
    config = EncoderConfig.from_huggingface(values, str(file))
    try:
        found = Trained(config, Scoring(**ours["scoring"]), Lengths(**ours["lengths"]))
    except (KeyError, TypeError, UserError) as error:
        raise UserError(f"{file}: its lce_tf part is not what training writes ({error})") from error
    if found.lengths.sequence > config.positions:
        raise UserError(
            f"{file}: its lce_tf part has a sequence of {found.lengths.sequence} wordpieces, and the model has "
            f"{config.positions} positions"
        )
    return found


def load(folder: str | Path, precision: Precision = PRECISIONS["float32"]) -> "CrossEncoder":
    """The cross-encoder that `save` wrote, or a public one in Hugging Face's layout.

    Raises:
        UserError: as `trained`, or the weights do not fit the configuration.
    """
    from lce_tf.model.cross_encoder import CrossEncoder

    about = trained(folder)
    file = hub.weight_file(Path(folder))
    arrays = read_arrays(file)
    check_sizes(about.config, file, arrays)
    arrays = _with_modules(Path(folder), about.scoring, arrays)
    keep_float32(precision)
    model = CrossEncoder(about.config, about.scoring, precision)
    load_encoder(model.encoder, file, arrays)
    _load_head(model, Path(folder), arrays)
    return model


def _with_modules(folder: Path, scoring: Scoring, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The weights, with sentence-transformers' Dense modules multiplied into the head."""
    dense = []
    for place in st_layout.read(folder).dense if is_public(folder) else ():
        module = read_arrays(hub.weight_file(place))
        if "linear.weight" not in module or module["linear.weight"].ndim != 2:
            raise UserError(f"{place}: has no linear.weight; is it a Dense module of sentence-transformers?")
        dense.append(module)
    if dense and scoring.head == "linear":
        # The model has no head of its own; the first module is the head.
        head = {f"head.{name.removeprefix('linear.')}": array for name, array in dense.pop(0).items()}
        head.setdefault("head.bias", np.zeros(len(head["head.weight"]), np.float32))  # a Dense may have none
        arrays, last = {**arrays, **head}, "head"
    else:
        last = list(FAMILIES[hub.read_config(folder)["model_type"]].head_names.values())[-1:]
        last = last[0] if last else ""
    return st_layout.folded(arrays, dense, last) if dense else arrays


def _load_head(model: "CrossEncoder", folder: Path, arrays: dict[str, np.ndarray], added: int = 0) -> None:
    """Fills the head; `added` logits that are 0 for every pair come before the file's single one."""
    file, family = hub.weight_file(folder), model.config.family
    theirs = classifiers.is_classifier(hub.read_config(folder)) and not st_layout.read(folder).pooling
    if theirs and family.answers:
        model.head.linear.kernel.assign(answers.kernel(model.config, folder, file, arrays))
        return
    advice = "is it a finished cross-encoder?" if theirs else "train the checkpoint again"
    for name, (variable, turned) in model.head.named(family.head_names if theirs else None).items():
        found = arrays.get(canonical(name))
        if added and found is not None and len(found) == 1:
            found = np.concatenate([np.zeros_like(found), found])
        found = found.T if found is not None and turned else found
        if found is None or found.shape != tuple(variable.shape):
            raise UserError(f"{file}: {name} is missing or does not fit config.json; {advice}")
        variable.assign(found)


def identity(folder: str | Path) -> str:
    """16 hexadecimal digits that change with the weights, the tokenizer or what decides scores in the configuration."""
    folder = Path(folder)
    about = trained(folder)  # first, since it says what is wrong with a folder that is no checkpoint
    files = [folder / name for name in hub.TOKENIZER_FILES if (folder / name).is_file()] + st_layout.files(folder)
    parts = [about.config.as_json(), asdict(about.scoring), about.lengths.as_json()]
    if parts[1]["activation"] == "identity":  # added later: older checkpoints keep their identity
        del parts[1]["activation"]
    ours = hub.read_config(folder).get("lce_tf") or {}
    if "scoring" in ours and ours.get("template") is not None:  # a recorded template is not the tokenizer's
        parts.append(ours["template"])
    text = json.dumps([*parts, hub.weights_sha256(folder), *(sha256_of(file) for file in files)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
