"""Engines by name, and the one that is fastest on this machine."""

from pathlib import Path

from lce_tf.errors import UserError
from lce_tf.model import checkpoint
from lce_tf.model.precision import cpu_has_bfloat16, resolve
from lce_tf.reranking.engine import Engine
from lce_tf.reranking.forks import tensorflow_begins
from lce_tf.reranking.openvino_engine import OpenVinoEngine
from lce_tf.reranking.openvino_model import exported

ENGINES = ("auto", "openvino", "packed", "tensorflow", "xla")


def open_engine(folder: str | Path, engine: str = "auto", precision: str = "auto") -> Engine:
    """The engine for a trained checkpoint's folder.

    Args:
        engine: "openvino" (the default on a machine without an accelerator), "packed" (the default with one: pairs
            share rows, in one compiled program), "tensorflow", "xla", which is TensorFlow with the model compiled, or
            "auto".
        precision: "float32", "bfloat16", for OpenVINO also "int8", for TensorFlow also the names in
            `lce_tf.model.precision`; "auto" is bfloat16 on a CPU that multiplies it in hardware, mixed_float16 on a
            GPU, else float32.

    Raises:
        UserError: an unknown name, or a checkpoint that cannot be read.
    """
    if engine not in ENGINES:
        raise UserError(f"--engine {engine!r}: known are {', '.join(ENGINES)}")
    device = _device() if engine != "openvino" else "cpu"
    if engine == "openvino" or (engine == "auto" and device == "cpu"):
        if precision == "auto":
            precision = "bfloat16" if cpu_has_bfloat16() else "float32"
        if precision not in ("float32", "bfloat16", "int8"):
            raise UserError(f"--precision {precision!r}: OpenVINO's are auto, float32, bfloat16, int8")
        return OpenVinoEngine(exported(folder), precision)
    tensorflow_begins()
    names = {"bfloat16": "mixed_bfloat16" if device != "cpu" else "products_bfloat16"}
    model = checkpoint.load(folder, resolve(names.get(precision, precision), device))
    return _engine_of(model, "packed" if engine == "auto" else engine)


def live_engine(model) -> Engine:
    """The fastest engine on this device for a model in memory, whose weights may go on changing."""
    return _engine_of(model, "tensorflow" if _device() == "cpu" else "packed")


def _engine_of(model, engine: str) -> Engine:
    if engine == "packed":
        from lce_tf.reranking.packed_engine import PackedEngine

        return PackedEngine(model)
    from lce_tf.reranking.tensorflow_engine import TensorFlowEngine

    return TensorFlowEngine(model, xla=engine == "xla")


def _device() -> str:
    import tensorflow as tf

    if tf.config.list_logical_devices("TPU"):
        return "tpu"
    return "gpu" if tf.config.list_physical_devices("GPU") else "cpu"
