"""Engines that turn packed pairs into logits: the Keras model itself, or the same model run by OpenVINO."""

import contextlib
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from lce_tf import __version__
from lce_tf.errors import UserError
from lce_tf.files import built_folder, cache_dir, scratch_place
from lce_tf.model import checkpoint, hub
from lce_tf.model.precision import cpu_has_bfloat16, resolve
from lce_tf.reranking.engine import Batches, Engine, Sink
from lce_tf.reranking.int8 import GROUP, compressed
from lce_tf.reranking.openvino_runtime import openvino_runtime

ENGINES = ("auto", "openvino", "packed", "tensorflow", "xla")
INPUTS = ("input_ids", "query_lengths", "lengths")


class TensorFlowEngine:
    """Runs a `CrossEncoder` in TensorFlow, on a GPU or TPU where there is one.

    Args:
        xla: whether XLA compiles the model, once for each width of pairs, since each has batches of one size.
    """

    def __init__(self, model, tokens: int | None = None, xla: bool = False):
        import tensorflow as tf

        from lce_tf.model.encoder import filled

        self.name, self.precision = "xla" if xla else "tensorflow", model.precision.name
        self.tokens = tokens or (32768 if tf.config.list_logical_devices("GPU") else 4096)
        accelerated = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("TPU")
        self.steady = not (accelerated or xla)
        signature = [tf.TensorSpec([None, None], tf.int32)] + [tf.TensorSpec([None], tf.int32)] * 2

        def logits(*packed):
            with filled(model) if self.steady else contextlib.nullcontext():
                return model.logits(*packed)

        self._logits = tf.function(logits, input_signature=signature, jit_compile=xla or None)

    def run(self, batches: Batches, sink: Sink) -> None:
        """One batch in flight ahead of the one being read back, so that an accelerator never waits for packing."""
        waiting = None
        for rows, packed in batches:
            result = rows, self._logits(*packed)
            if waiting is not None:
                sink(waiting[0], waiting[1].numpy())
            waiting = result
        if waiting is not None:
            sink(waiting[0], waiting[1].numpy())


class OpenVinoEngine:
    """Runs an exported cross-encoder through OpenVINO, on a CPU.

    Args:
        model_file: `openvino.xml`, as `exported` gives.
        precision: "float32", "bfloat16", or "int8" for the dense layers, beside the CPU's faster one of the others.
    """

    name = "openvino"
    tokens = 4096
    steady = True

    def __init__(self, model_file: Path, precision: str):
        openvino = openvino_runtime()
        self.precision = precision
        core = openvino.Core()
        bfloat16 = precision == "bfloat16" or (precision == "int8" and cpu_has_bfloat16())
        options = {"INFERENCE_PRECISION_HINT": "bf16" if bfloat16 else "f32"}
        try:
            model = core.read_model(str(model_file))
            if precision == "int8":
                model = compressed(model)
                options["DYNAMIC_QUANTIZATION_GROUP_SIZE"] = str(GROUP)
            self._compiled = core.compile_model(model, "CPU", options)
        except RuntimeError as error:
            raise UserError(
                f"{model_file}: cannot be loaded; delete its folder, the model will be converted again"
            ) from error
        self._queue = openvino.AsyncInferQueue(self._compiled, 2)

    def run(self, batches: Batches, sink: Sink) -> None:
        """Two requests in flight, so that packing overlaps with computing."""

        faults: list[Exception] = []

        def done(request, rows):
            # An exception that leaves a callback would end the whole process.
            try:
                sink(rows, request.get_output_tensor(0).data.copy())
            except Exception as error:
                faults.append(error)

        self._queue.set_callback(done)
        try:
            for rows, packed in batches:
                if faults:
                    break
                self._queue.start_async(dict(zip(INPUTS, packed, strict=True)), rows)
        finally:
            self._queue.wait_all()
        if faults:
            raise faults[0]


def open_engine(folder: str | Path, engine: str = "auto", precision: str = "auto") -> Engine:
    """The engine for a trained checkpoint's folder.

    Args:
        engine: "openvino" (the default on a machine without an accelerator), "packed" (the default with one: pairs
            share rows, one compiled program), "tensorflow", "xla", which is TensorFlow with the model compiled, or
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
    names = {"bfloat16": "mixed_bfloat16" if device != "cpu" else "products_bfloat16"}
    if engine == "packed" or (engine == "auto" and device in ("gpu", "tpu")):
        from lce_tf.reranking.packed import PackedEngine

        return PackedEngine(checkpoint.load(folder, resolve(names.get(precision, precision), device)))
    if engine == "openvino" or (engine == "auto" and device == "cpu"):
        if precision == "auto":
            precision = "bfloat16" if cpu_has_bfloat16() else "float32"
        if precision not in ("float32", "bfloat16", "int8"):
            raise UserError(f"--precision {precision!r}: OpenVINO's are auto, float32, bfloat16, int8")
        return OpenVinoEngine(exported(folder), precision)
    model = checkpoint.load(folder, resolve(names.get(precision, precision), device))
    return TensorFlowEngine(model, xla=engine == "xla")


def exported(folder: str | Path) -> Path:
    """The checkpoint as OpenVINO's model file in the cache, converted on first use; weights stay float32.

    Another version of OpenVINO or of this package converts it anew: the graph may be another.
    """
    watched = hub.watched(Path(folder))
    target = cache_dir() / "openvino" / f"{version('openvino')}-{__version__}-{checkpoint.identity(folder)}"
    if not (target / "openvino.xml").is_file():
        model = checkpoint.load(folder)
        watched.check()
        with built_folder(target) as scratch:
            export_openvino(model, scratch / "openvino.xml")
    return target / "openvino.xml"


def export_openvino(model, path: Path) -> None:
    """Writes a `CrossEncoder` as an OpenVINO model with the inputs `INPUTS`, any batch and length.

    After the pairs' logits come those of rows without meaning, see `lce_tf.model.encoder.filled`.
    """
    import tensorflow as tf

    from lce_tf.model.encoder import filled

    def logits(*packed):
        with filled(model):
            return model.logits(*packed)

    shapes = ([None, None], [None], [None])
    signature = [tf.TensorSpec(shape, tf.int32, name=name) for shape, name in zip(shapes, INPUTS, strict=True)]
    save_openvino(model, logits, signature, path)


def save_openvino(model, logits: Callable, signature: list, path: Path) -> None:
    """Writes a function of a Keras model's as an OpenVINO model with one output, "logits"; weights stay float32.

    Args:
        model: holds every weight that the function uses.
        logits: of as many tensors as the signature has.
        signature: their `tf.TensorSpec`s, whose names are those of the inputs.
    """
    import tensorflow as tf

    from lce_tf.model.encoder import plain

    openvino = openvino_runtime()
    module = tf.Module()
    module.model = model
    module.serve = tf.function(lambda *inputs: {"logits": logits(*inputs)}, input_signature=signature)
    with tempfile.TemporaryDirectory(dir=scratch_place()) as saved, plain(model):
        tf.saved_model.save(module, saved, signatures={"serving_default": module.serve})
        converted = openvino.convert_model(saved)
    openvino.save_model(converted, path, compress_to_fp16=False)


def live_engine(model) -> Engine:
    """The fastest engine on this device for a model whose weights go on changing."""
    if _device() == "cpu":
        return TensorFlowEngine(model)
    from lce_tf.reranking.packed import PackedEngine

    return PackedEngine(model)


def _device() -> str:
    import tensorflow as tf

    if tf.config.list_logical_devices("TPU"):
        return "tpu"
    return "gpu" if tf.config.list_physical_devices("GPU") else "cpu"
