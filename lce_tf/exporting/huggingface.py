"""Exports a trained cross-encoder to Hugging Face's layout, for transformers, sentence-transformers and others."""

from pathlib import Path
from typing import Any

from lce_tf.exporting.card import model_card
from lce_tf.exporting.exporter import Exporter
from lce_tf.exporting.heads import native_head
from lce_tf.exporting.outputs import vacant
from lce_tf.files import built_folder, read_json, read_json_lines, write_json
from lce_tf.model import checkpoint, hub
from lce_tf.model.classifiers import ACTIVATIONS
from lce_tf.model.families import FAMILIES
from lce_tf.model.weights import encoder_arrays
from lce_tf.reranking.opening import open_checkpoint

# A training's records, which `checkpoint.load` does not read.
MANIFEST, METRICS = "manifest.json", "metrics.jsonl"
MODULES = {"Identity": "torch.nn.modules.linear.Identity", "Sigmoid": "torch.nn.modules.activation.Sigmoid"}


def export_huggingface(folder: str | Path, output: str | Path, license: str = "unknown") -> Path:
    """Writes a sequence classifier with one label, whose logit is the ranking score, and returns its folder.

    The folder holds `config.json`, `model.safetensors` (float32), the tokenizer set to the checkpoint's sequence
    length, and `README.md`, a model card filled in from the training's records.

    Args:
        folder: anything that `checkpoint.locate` takes.
        output: a new or empty folder; written completely or not at all.
        license: SPDX identifier for the card.

    Raises:
        UserError: not a trained cross-encoder, a head that the layout cannot represent, or an output that is not empty.
    """
    folder = open_checkpoint(folder).folder
    about, output = checkpoint.trained(folder), vacant(output)
    training = (hub.read_config(folder).get("lce_tf") or {}).get("training") or {}
    card = model_card(output.name, about, training, *_records(folder), license)
    arrays = _arrays(folder)
    with built_folder(output) as scratch:
        _save_weights(arrays, scratch / "model.safetensors")
        save_tokenizer(folder, scratch, about.lengths.sequence)
        (scratch / "README.md").write_text(card, encoding="utf-8")
        write_json(scratch / "config.json", config_of(about))
    return output


def _arrays(folder: Path) -> dict:
    model = checkpoint.load(folder)
    family, ours = model.config.model_type, {}
    for name, layer in model.head.layers.items():
        ours |= {f"{name}.weight": layer.kernel.numpy().T, f"{name}.bias": layer.bias.numpy()}
    head = native_head(family, model.scoring, ours)
    # BERT's pooler belongs to its encoder.
    head = {f"bert.{name}" if name.startswith("pooler.") else name: array for name, array in head.items()}
    return encoder_arrays(model.encoder, f"{family}.") | head


def _save_weights(arrays: dict, file: Path) -> None:
    from safetensors.numpy import save_file

    save_file(arrays, file, metadata={"format": "pt"})


def save_tokenizer(folder: Path, target: Path, sequence: int) -> None:
    """Saves the tokenizer as `tokenizer.json`, with the checkpoint's sequence length as its limit."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False, local_files_only=True)
    # A sentence encoder's tokenizer keeps its last truncation and padding, which would apply to every text.
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    tokenizer.model_max_length = sequence
    tokenizer.save_pretrained(str(target))


def config_of(about: checkpoint.Trained) -> dict[str, Any]:
    """`config.json`: the encoder, one label, and the activation for sentence-transformers under its old and new key.

    Without the activation, sentence-transformers would apply a sigmoid to a single logit.
    """
    encoder = about.config.to_huggingface()
    if about.config.model_type == "bert":
        del encoder["embedding_size"]  # BERT has no such setting
    name = next(theirs for theirs, ours in ACTIVATIONS.items() if ours == about.scoring.activation)
    return {
        "architectures": [FAMILIES[about.config.model_type].architecture],
        **encoder,
        "num_labels": 1,
        "id2label": {"0": "relevance"},
        "label2id": {"relevance": 0},
        "dtype": "float32",
        "sentence_transformers": {"activation_fn": MODULES[name]},
        "sbert_ce_default_activation_function": MODULES[name],
        "lce_tf": {"lengths": about.lengths.as_json()},
    }


def _records(folder: Path) -> tuple[dict[str, Any], list[dict]]:
    """The training's records beside the checkpoint: the manifest, and the figures with MRR@10 on the dev sample."""
    manifest = read_json(folder / MANIFEST) if (folder / MANIFEST).is_file() else {}
    measured = []
    if (folder / METRICS).is_file():
        measured = [figures for figures in read_json_lines(folder / METRICS) if "dev_mrr_10" in figures]
    return manifest if isinstance(manifest, dict) else {}, measured


class HuggingFace(Exporter):
    """`lce export --format hf`."""

    key = "hf"
    help = "a folder for transformers and sentence-transformers"
    write = staticmethod(export_huggingface)
