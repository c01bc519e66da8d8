"""Exports a trained cross-encoder as an OpenVINO model with Hugging Face's inputs, and its tokenizer."""

from pathlib import Path

from lce_tf.exporting.exporter import Exporter
from lce_tf.exporting.huggingface import config_of, save_tokenizer
from lce_tf.exporting.outputs import OUTPUTS, facts, inputs_of, refuse_further_settings
from lce_tf.foundation.files import built_folder, vacant, write_json
from lce_tf.model import checkpoint
from lce_tf.reranking.opening import open_checkpoint
from lce_tf.reranking.openvino_model import save_openvino

# The name that optimum-intel looks for.
MODEL_FILE = "openvino_model.xml"


def export_openvino_folder(folder: str | Path, output: str | Path, license: str = "unknown") -> Path:
    """Writes a sequence classifier with one label, whose logit is the ranking score, and returns its folder.

    The folder holds `openvino_model.xml` and `.bin` (float32) with the inputs that the tokenizer gives (RoBERTa's, for
    one, has no `token_type_ids`), `config.json`, the tokenizer set to the checkpoint's sequence length, and
    `lce_tf.json`, which describes inputs, outputs and the lengths to which pairs are cut.

    Args:
        folder: anything that `checkpoint.locate` takes.
        output: a new or empty folder; written completely or not at all.
        license: SPDX identifier for `lce_tf.json`.

    Raises:
        UserError: not a trained cross-encoder, settings that the format cannot express, or an output that is not empty.
    """
    opened, output = open_checkpoint(folder), vacant(output)
    refuse_further_settings(opened)
    inputs = inputs_of(opened)
    about = facts(opened.folder, license, inputs, OUTPUTS, ("openvino", "tensorflow"))
    with built_folder(output) as scratch:
        _save_model(opened.folder, list(inputs), scratch / MODEL_FILE)
        save_tokenizer(opened, scratch)
        write_json(scratch / "lce_tf.json", about)
        config = config_of(checkpoint.trained(opened.folder), opened.tokenizer.special_words)
        write_json(scratch / "config.json", config)
    return output


def _save_model(folder: Path, inputs: list[str], file: Path) -> None:
    import tensorflow as tf

    model = checkpoint.load(folder)

    def logits(*given):
        ids, mask, *types = (tf.cast(values, tf.int32) for values in given)
        segments = types[0] if types else tf.zeros_like(ids)
        return model.scoring.score(model(ids, segments, mask))[:, None]

    signature = [tf.TensorSpec([None, None], tf.int64, name=name) for name in inputs]
    save_openvino(model, logits, signature, file)


class OpenVino(Exporter):
    """`lce export --format openvino`."""

    key = "openvino"
    help = "openvino_model.xml beside the tokenizer"
    write = staticmethod(export_openvino_folder)
