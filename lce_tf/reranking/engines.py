"""Opens an engine by name, or the fastest one on this machine."""

from pathlib import Path

from lce_tf.model.precision import device_kind
from lce_tf.reranking.engine import AUTO, ENGINES, Engine


def open_engine(folder: str | Path, engine: str = AUTO, precision: str = AUTO) -> Engine:
    """The engine for a trained checkpoint's folder.

    Args:
        engine: a name in `ENGINES`, a class path, or "auto": the engine whose `home` is "accelerator" if TensorFlow
            finds a GPU or TPU, else the one whose `home` is "cpu".
        precision: "float32" or "bfloat16"; for OpenVINO also "int8", for the others also the names in
            `lce_tf.model.precision`. "auto" is mixed_float16 on a GPU and mixed_bfloat16 on a TPU; on a CPU, and for
            OpenVINO, bfloat16 if the CPU multiplies it in hardware, else float32.

    Raises:
        UserError: an unknown engine, a precision that the engine does not have, or a checkpoint that cannot be read.
    """
    return ENGINES[_chosen(engine)].open(folder, precision)


def check_precision(engine: str = AUTO, precision: str = AUTO) -> None:
    """Refuses what `open_engine` would refuse of these names, without a checkpoint."""
    if precision != AUTO:
        ENGINES[_chosen(engine)].check(precision)


def _chosen(engine: str) -> str:
    if engine != AUTO:
        return engine
    home = "cpu" if device_kind() == "cpu" else "accelerator"
    return next(name for name in ENGINES if ENGINES.about(name).home == home)


def live_engine(model) -> Engine:
    """The fastest engine on this device for a `CrossEncoder` in memory, whose weights may change later."""
    return ENGINES["tensorflow" if device_kind() == "cpu" else "packed"](model)
