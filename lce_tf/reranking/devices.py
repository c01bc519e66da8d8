"""Finds the device that TensorFlow computes on, and loads a checkpoint's Keras model for it."""

from pathlib import Path

from lce_tf.model import checkpoint
from lce_tf.model.precision import resolve
from lce_tf.reranking.forks import tensorflow_begins


def device() -> str:
    """The kind of device that TensorFlow computes on: "tpu", "gpu" or "cpu"."""
    import tensorflow as tf

    if tf.config.list_logical_devices("TPU"):
        return "tpu"
    return "gpu" if tf.config.list_physical_devices("GPU") else "cpu"


def check_precision(precision: str) -> None:
    """Refuses a precision that `keras_model` does not know."""
    if precision != "bfloat16":
        resolve(precision, "cpu")  # every device knows the same names


def keras_model(folder: str | Path, precision: str):
    """The `CrossEncoder` in a checkpoint's folder.

    Args:
        precision: "float32", "bfloat16" (mixed_bfloat16 on a GPU or TPU, products_bfloat16 on a CPU), a name in
            `lce_tf.model.precision`, or "auto": mixed_float16 on a GPU, mixed_bfloat16 on a TPU, products_bfloat16 on a
            CPU that multiplies bfloat16 in hardware, else float32.

    Raises:
        UserError: an unknown precision, or a checkpoint that cannot be read.
    """
    tensorflow_begins()
    kind = device()
    names = {"bfloat16": "mixed_bfloat16" if kind != "cpu" else "products_bfloat16"}
    return checkpoint.load(folder, resolve(names.get(precision, precision), kind))
