"""Converts checkpoints to OpenVINO model files and keeps these in the cache."""

import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from lce_tf import __version__
from lce_tf.foundation.files import built_folder, cache_dir, scratch_place
from lce_tf.model import checkpoint, hub
from lce_tf.reranking.forks import tensorflow_begins
from lce_tf.reranking.openvino_runtime import openvino_runtime

INPUTS = ("input_ids", "type_0_lengths", "lengths")
# Part of the names in the cache. Raise it when the inputs or their meaning change, so that no older file is used.
GRAPH = 2


def exported(folder: str | Path) -> Path:
    """The checkpoint's OpenVINO model file in the cache, converted on first use; weights stay float32.

    Each version of OpenVINO, of this package and of the graph (`GRAPH`) has a file of its own.

    Raises:
        UserError: OpenVINO is not installed, or the checkpoint cannot be read or changes while it is read.
    """
    watched = hub.watched(Path(folder))
    target = cache_dir() / "openvino" / f"{version('openvino')}-{__version__}-{GRAPH}-{checkpoint.identity(folder)}"
    if not (target / "openvino.xml").is_file():
        tensorflow_begins()
        model = checkpoint.load(folder)
        watched.check()
        with built_folder(target) as scratch:
            export_openvino(model, scratch / "openvino.xml")
    return target / "openvino.xml"


def export_openvino(model, path: Path) -> None:
    """Writes a `CrossEncoder` as an OpenVINO model with the inputs `INPUTS`, for any batch size and length.

    The pairs' logits are followed by those of padding rows, see `lce_tf.model.tracing.filled`.
    """
    import tensorflow as tf

    from lce_tf.model.tracing import filled

    def logits(*packed):
        with filled(model):
            return model.logits(*packed)

    shapes = ([None, None], [None], [None])
    signature = [tf.TensorSpec(shape, tf.int32, name=name) for shape, name in zip(shapes, INPUTS, strict=True)]
    save_openvino(model, logits, signature, path)


def save_openvino(model, logits: Callable, signature: list, path: Path) -> None:
    """Writes a function of a Keras model as an OpenVINO model with one output, "logits"; weights stay float32.

    Args:
        model: holds every weight that the function uses.
        logits: the function; takes one tensor for each input in `signature`.
        signature: the inputs' `tf.TensorSpec`s with their names.
    """
    import tensorflow as tf

    from lce_tf.model.tracing import plain

    openvino = openvino_runtime()
    module = tf.Module()
    module.model = model
    module.serve = tf.function(lambda *inputs: {"logits": logits(*inputs)}, input_signature=signature, autograph=False)
    with tempfile.TemporaryDirectory(dir=scratch_place()) as saved, plain(model):
        tf.saved_model.save(module, saved, signatures={"serving_default": module.serve})
        converted = openvino.convert_model(saved)
    openvino.save_model(converted, path, compress_to_fp16=False)
