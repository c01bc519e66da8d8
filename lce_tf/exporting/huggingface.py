"""Exports a trained cross-encoder to Hugging Face's layout, for transformers, sentence-transformers and others."""

from pathlib import Path
from typing import Any

import numpy as np

from lce_tf.errors import UserError
from lce_tf.exporting.card import model_card
from lce_tf.exporting.exporter import Exporter
from lce_tf.exporting.heads import native_head, ranking_row
from lce_tf.exporting.outputs import refuse_further_settings
from lce_tf.foundation.files import built_folder, vacant, write_json
from lce_tf.foundation.training_folder import TrainingFolder
from lce_tf.model import answers, checkpoint, hub
from lce_tf.model.classifiers import ACTIVATIONS
from lce_tf.model.framing import PROMPTED
from lce_tf.model.weights import encoder_arrays
from lce_tf.reranking.opening import Opened, open_checkpoint
from lce_tf.tokens.probing import probed

MODULES = {"Identity": "torch.nn.modules.linear.Identity"}
MODULES |= {name: f"torch.nn.modules.activation.{name}" for name in ("Sigmoid", "Tanh")}


def export_huggingface(folder: str | Path, output: str | Path, license: str = "unknown") -> Path:
    """Writes a sequence classifier with one label, whose logit is the ranking score, and returns its folder.

    The folder holds `config.json`, `model.safetensors` (float32), the tokenizer set to the checkpoint's sequence
    length, and `README.md`, a model card filled in from the training's records.

    Args:
        folder: anything that `checkpoint.locate` takes.
        output: a new or empty folder; written completely or not at all.
        license: SPDX identifier for the card.

    Raises:
        UserError: not a trained cross-encoder, a head or settings that the layout cannot express, or an output that is
            not empty.
    """
    opened, output = open_checkpoint(folder), vacant(output)
    refuse_further_settings(opened)
    folder = opened.folder
    about = checkpoint.trained(folder)
    training = (hub.read_config(folder).get("lce_tf") or {}).get("training") or {}
    words = answers.found(about.config, folder) if about.config.family.answers else ()
    card = model_card(output.name, about, training, *_records(folder), license, words)
    arrays = model_arrays(folder)
    with built_folder(output) as scratch:
        _save_weights(arrays, scratch / "model.safetensors")
        save_tokenizer(opened, scratch)
        (scratch / "README.md").write_text(card, encoding="utf-8")
        write_json(scratch / "config.json", config_of(about, opened.tokenizer.special_words))
    return output


def model_arrays(folder: Path) -> dict[str, np.ndarray]:
    """The weights of a checkpoint's whole model under Hugging Face's names, with the ranking score as the only logit.

    A sequence-to-sequence model gives it as the difference of the two answers' logits.

    Raises:
        UserError: the layout cannot express the checkpoint's head, or the vector that it reads.
    """
    model = checkpoint.load(folder)
    family, head = model.config.family, model.head.arrays()
    if not model.config.told:
        raise UserError(
            f"{folder}: its modules of sentence-transformers pool by the mean, and Hugging Face's {family.model_type} "
            "reads [CLS]; use --format openvino or savedmodel, or the folder as it is"
        )
    arrays = encoder_arrays(model.encoder, family.start)
    if not family.answers:
        return arrays | native_head(model.config, model.scoring, head)
    if model.scoring.head != "linear":
        name = f"the {model.scoring.head} head"
        raise UserError(f"{name} has no equal in Hugging Face's {family.model_type}; train with --head linear")
    return arrays | answers.arrays(model.config, folder, ranking_row(model.scoring, head), arrays)


def _save_weights(arrays: dict, file: Path) -> None:
    from safetensors.numpy import save_file

    save_file(arrays, file, metadata={"format": "pt"})


def save_tokenizer(opened: Opened, target: Path) -> None:
    """Writes the tokenizer's files to `target`, with the checkpoint's sequence length as `model_max_length` and
    the end at which it cuts texts.

    Raises:
        UserError: the tokenizer puts other special tokens around pairs than those that the model was trained with. Of a
            model that reads a prompt, the prompt is compared: its reader writes it, the tokenizer does not.
    """
    from transformers import AutoTokenizer

    folder = opened.folder
    # As an argument, since transformers saves no attribute that was set later.
    cut = {"truncation_side": opened.lengths.side}
    tokenizer = AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False, local_files_only=True, **cut)
    # A sentence encoder's `tokenizer.json` has truncation and padding settings, which would apply to every text.
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    tokenizer.model_max_length = opened.lengths.sequence
    # Set explicitly, because the default differs between versions of transformers.
    types = ["token_type_ids"] * opened.template.has_types
    tokenizer.model_input_names = ["input_ids", *types, "attention_mask"]
    prompted = checkpoint.trained(folder).config.model_type in PROMPTED
    if (opened.tokenizer.prompted if prompted else probed(tokenizer, str(folder))) != opened.template:
        raise UserError(f"{folder}: was trained with another frame around pairs than its tokenizer's; train it again")
    tokenizer.save_pretrained(str(target))


def config_of(about: checkpoint.Trained, special_words: bool = False) -> dict[str, Any]:
    """`config.json`: the encoder, one label, and the activation for sentence-transformers under its old and new key.

    Without the activation, sentence-transformers would apply a sigmoid to a single logit.

    Args:
        special_words: whether text that spells a special token becomes that token.
    """
    family = about.config.family
    whole = {"architectures": [family.architecture], **about.config.to_huggingface(), "dtype": "float32"}
    special = {"special_words": "token"} if special_words else {}
    ours = {"lce_tf": {"lengths": about.lengths.as_json(), **special}}
    if family.answers:  # no classifier: the score comes from the answers' logits
        return {**whole, **answers.UNTIED, "is_encoder_decoder": True, **ours}
    name = next(theirs for theirs, ours in ACTIVATIONS.items() if ours == about.scoring.activation)
    return {
        **whole,
        "num_labels": 1,
        "id2label": {"0": "relevance"},
        "label2id": {"relevance": 0},
        "sentence_transformers": {"activation_fn": MODULES[name]},
        "sbert_ce_default_activation_function": MODULES[name],
        **ours,
    }


def _records(folder: Path) -> tuple[dict[str, Any], list[dict]]:
    """The training's manifest, {} if there is none, and the lines of its metrics that measure the dev sample."""
    training = TrainingFolder(folder)
    measured = [row for row in training.figures() if any(name.startswith("dev_") for name in row)]
    return training.facts() if training.begun else {}, measured


class HuggingFace(Exporter):
    """`lce export --format hf`."""

    key = "hf"
    help = "a folder for transformers and sentence-transformers"
    write = staticmethod(export_huggingface)
