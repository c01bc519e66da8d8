"""Opens an engine: the one that is asked for, or the fastest one on this machine."""

from pathlib import Path

from lce_tf.reranking.devices import device
from lce_tf.reranking.engine import AUTO, ENGINES, Engine


def open_engine(folder: str | Path, engine: str = AUTO, precision: str = AUTO) -> Engine:
    """The engine for a trained checkpoint's folder.

    Args:
        engine: a name in `ENGINES`, a class path, or "auto": the engine whose home is this machine's CPU, or its GPU
            or TPU where it has one.
        precision: "float32", "bfloat16", for OpenVINO also "int8", for TensorFlow also the names in
            `lce_tf.model.precision`; "auto" is bfloat16 on a CPU that multiplies it in hardware, mixed_float16 on a
            GPU, else float32.

    Raises:
        UserError: an unknown name, or a checkpoint that cannot be read.
    """
    if engine == AUTO:
        home = "cpu" if device() == "cpu" else "accelerator"
        engine = next(name for name in ENGINES if ENGINES.about(name).home == home)
    return ENGINES[engine].open(folder, precision)


def live_engine(model) -> Engine:
    """The fastest engine on this device for a model in memory, whose weights may go on changing."""
    return ENGINES["tensorflow" if device() == "cpu" else "packed"](model)
