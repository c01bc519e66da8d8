"""Exports a trained cross-encoder as an ONNX model with Hugging Face's inputs, and its tokenizer."""

import contextlib
import logging
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from lce_tf.errors import UserError
from lce_tf.exporting.exporter import Exporter
from lce_tf.exporting.huggingface import config_of, model_arrays, save_tokenizer
from lce_tf.exporting.outputs import OUTPUTS, facts, inputs_of, refuse_further_settings
from lce_tf.foundation.files import built_folder, vacant, write_json
from lce_tf.model import checkpoint
from lce_tf.reranking.opening import open_checkpoint

PACKAGES = ("torch", "onnx", "onnxscript", "onnxruntime")
# Where optimum, sentence-transformers and others look for it.
MODEL_FILE = "onnx/model.onnx"
# The lowest that torch's exporter writes without converting, so that older runtimes read it.
OPSET = 18
# What onnxruntime's scores may differ from ours, relative to the largest score if that is above 1.
TOLERANCE = 1e-3
# Texts of the comparison: one pair of another length than those that the graph is traced with, and one that is cut.
PAIRS = (
    ("how far away is the moon", "The moon is 384,400 km from the earth."),
    ("how far away is the moon", "Cheese."),
    ("what is cheese made of", "Cheese is made of milk, and the moon is not made of cheese. " * 100),
)
# Tokens of the longest pair that is compared; attention over thousands would take gigabytes.
LONGEST = 512


def export_onnx(folder: str | Path, output: str | Path, license: str = "unknown") -> Path:
    """Writes a sequence classifier with one label, whose logit is the ranking score, and returns its folder.

    The folder holds `onnx/model.onnx` (float32, opset 18) with the inputs that the tokenizer gives, [batch, sequence]
    of any size, and the output `logits` [batch, 1]; `config.json`, the tokenizer set to the checkpoint's sequence
    length, and `lce_tf.json`, which describes inputs, outputs and the lengths to which pairs are cut. Weights of more
    than 1.5 GiB are in `onnx/model.onnx.data`. Nothing is written unless onnxruntime gives our scores for a few pairs.

    Args:
        folder: anything that `checkpoint.locate` takes.
        output: a new or empty folder; written completely or not at all.
        license: SPDX identifier for `lce_tf.json`.

    Raises:
        UserError: a package of the extra `onnx` is missing, not a trained cross-encoder, a head or settings that the
            format cannot express, a model that torch cannot convert, other scores than ours, or an output that is not
            empty.
    """
    opened, output = open_checkpoint(folder), vacant(output)
    refuse_further_settings(opened)
    inputs = inputs_of(opened)
    _check_packages()
    about = facts(opened.folder, license, inputs, OUTPUTS, (*PACKAGES, "transformers"))
    arrays = model_arrays(opened.folder)
    from transformers import AutoTokenizer

    with built_folder(output) as scratch:
        save_tokenizer(opened, scratch)
        config = config_of(checkpoint.trained(opened.folder), opened.tokenizer.special_words)
        write_json(scratch / "config.json", config)
        tokenizer = AutoTokenizer.from_pretrained(str(scratch), local_files_only=True)
        # FlashRank reads this file, which transformers no longer writes.
        write_json(scratch / "special_tokens_map.json", tokenizer.special_tokens_map)

        def tokens(pairs) -> dict[str, np.ndarray]:
            longest = min(opened.lengths.sequence, LONGEST)
            texts = map(list, zip(*pairs, strict=True))
            return dict(tokenizer(*texts, padding=True, truncation=True, max_length=longest, return_tensors="np"))

        (scratch / MODEL_FILE).parent.mkdir()
        _save_model(scratch, arrays, {name: tokens(PAIRS[:2])[name] for name in inputs}, opened.folder)
        difference = _compare(scratch / MODEL_FILE, opened.folder, [tokens(PAIRS[:1]), tokens(PAIRS)])
        write_json(scratch / "lce_tf.json", {**about, "compared": {"pairs": len(PAIRS), "difference": difference}})
    return output


def _check_packages() -> None:
    for name in PACKAGES:
        if find_spec(name) is None:
            raise UserError(
                f"--format onnx: {name} is not installed; in a checkout: pip install -c requirements.lock '.[onnx]'"
            )


def _save_model(target: Path, arrays: dict[str, np.ndarray], sample: dict[str, np.ndarray], folder: Path) -> None:
    """Writes the ONNX model of the `config.json` in `target` with the given weights.

    Args:
        sample: the inputs of a batch, which the model is traced with.
        folder: the checkpoint's, for errors.
    """
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification

    config = AutoConfig.from_pretrained(str(target), local_files_only=True)
    # Attention as matrix products: the fused operation takes masks that not every runtime has.
    model = AutoModelForSequenceClassification.from_config(config, attn_implementation="eager")

    class Logits(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, input_ids, attention_mask, token_type_ids=None):
            types = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
            return self.model(input_ids=input_ids, attention_mask=attention_mask, **types).logits

    axes = {0: "batch", 1: "sequence"}
    try:
        with torch.no_grad(), _quiet():
            model.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
            program = torch.onnx.export(
                Logits().train(False),
                tuple(torch.from_numpy(array) for array in sample.values()),
                input_names=list(sample),
                output_names=list(OUTPUTS),
                dynamic_shapes=tuple(axes for _ in sample),
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise UserError(
            f"{folder}: torch.onnx cannot convert this {config.model_type} model ({reason:.200}); use --format hf or "
            "openvino"
        ) from error
    for node in program.model.graph.all_nodes():  # they hold the paths of the files that the model was traced in
        node.metadata_props.clear()
    program.save(target / MODEL_FILE, external_data=False)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the warnings of torch's exporter, which concern its own code and packages that are not needed."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def _compare(file: Path, folder: Path, batches: list[dict[str, np.ndarray]]) -> float:
    """The largest difference between onnxruntime's scores and ours, in float32 on the CPU.

    Raises:
        UserError: it is above `TOLERANCE`.
    """
    import onnxruntime
    import tensorflow as tf

    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_inputs()]
    found, ours = [], []
    with tf.device("CPU:0"):
        model = checkpoint.load(folder)
        for batch in batches:
            found += session.run(list(OUTPUTS), {name: batch[name] for name in names})
            types = batch.get("token_type_ids", np.zeros_like(batch["input_ids"]))
            packed = (tf.constant(part, tf.int32) for part in (batch["input_ids"], types, batch["attention_mask"]))
            ours.append(model.scoring.score(model(*packed)).numpy()[:, None])
    scores = np.concatenate(ours)
    difference = float(np.abs(np.concatenate(found) - scores).max())
    if not difference <= TOLERANCE * max(np.abs(scores).max(), 1):  # `not`, as it may be NaN
        raise UserError(
            f"{folder}: onnxruntime's scores differ from ours by {difference:.2g}, more than {TOLERANCE:g} of the "
            "largest; use --format hf or openvino"
        )
    return difference


class Onnx(Exporter):
    """`lce export --format onnx`."""

    key = "onnx"
    help = "onnx/model.onnx and the tokenizer, for onnxruntime and what is built on it"
    write = staticmethod(export_onnx)
