"""Loads a checkpoint's Keras model in the precision for the device that TensorFlow computes on."""

from pathlib import Path

from lce_tf.model import checkpoint
from lce_tf.model.precision import device_kind, resolve
from lce_tf.reranking.forks import tensorflow_begins


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
    kind = device_kind()
    names = {"bfloat16": "mixed_bfloat16" if kind != "cpu" else "products_bfloat16"}
    return checkpoint.load(folder, resolve(names.get(precision, precision), kind))
