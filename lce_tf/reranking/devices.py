"""Where scoring computes, and a checkpoint's model there."""

from pathlib import Path

from lce_tf.model import checkpoint
from lce_tf.model.precision import resolve
from lce_tf.reranking.forks import tensorflow_begins


def device() -> str:
    """What TensorFlow computes on: "tpu", "gpu" or "cpu"."""
    import tensorflow as tf

    if tf.config.list_logical_devices("TPU"):
        return "tpu"
    return "gpu" if tf.config.list_physical_devices("GPU") else "cpu"


def keras_model(folder: str | Path, precision: str):
    """The `CrossEncoder` in a checkpoint's folder.

    Args:
        precision: "float32", "bfloat16", a name in `lce_tf.model.precision`, or "auto": mixed_float16 on a GPU,
            float32 on a CPU.

    Raises:
        UserError: an unknown precision, or a checkpoint that cannot be read.
    """
    tensorflow_begins()
    place = device()
    names = {"bfloat16": "mixed_bfloat16" if place != "cpu" else "products_bfloat16"}
    return checkpoint.load(folder, resolve(names.get(precision, precision), place))
