"""The numeric precisions a model can be built in, and the default for each kind of device."""

from pathlib import Path
from typing import NamedTuple

from lce_tf.errors import UserError


class Precision(NamedTuple):
    """A named precision.

    Attributes:
        name: the key in `PRECISIONS`.
        activations: their dtype; weights and statistics are float32 in every precision.
        products: dtype to which the operands of dense products are rounded; None: that of activations.
    """

    name: str
    activations: str
    products: str | None = None


PRECISIONS = {
    "float32": Precision("float32", "float32"),
    "mixed_float16": Precision("mixed_float16", "float16"),
    "mixed_bfloat16": Precision("mixed_bfloat16", "bfloat16"),
    # For CPUs: element-wise bfloat16 is slow there (each element is widened and narrowed again), while products
    # of bfloat16 operands are faster than float32's. So only the operands of dense products are rounded, and
    # activations, normalisation, softmax and weights stay float32.
    "products_bfloat16": Precision("products_bfloat16", "float32", "bfloat16"),
}


def device_kind() -> str:
    """The kind of device that TensorFlow computes on in this process: "tpu", "gpu" or "cpu"."""
    import tensorflow as tf

    if tf.config.list_logical_devices("TPU"):
        return "tpu"
    return "gpu" if tf.config.list_physical_devices("GPU") else "cpu"


def resolve(name: str, device: str) -> Precision:
    """The precision called `name`; "auto" is the device's default.

    Args:
        name: "auto" or a key of `PRECISIONS`.
        device: "gpu" (auto: mixed_float16, as in the paper), "tpu" (mixed_bfloat16) or "cpu"
            (products_bfloat16 where the processor multiplies bfloat16 in hardware, else float32).
    """
    if name == "auto":
        on_cpu = "products_bfloat16" if cpu_has_bfloat16() else "float32"
        name = {"gpu": "mixed_float16", "tpu": "mixed_bfloat16"}.get(device, on_cpu)
    if name not in PRECISIONS:
        raise UserError(f"precision {name!r}: known are auto, {', '.join(PRECISIONS)}")
    return PRECISIONS[name]


def keep_float32(precision: Precision) -> None:
    """Switches off TF32, TensorFlow's default on GPUs, if the precision is float32.

    TF32 keeps 10 of a factor's 23 mantissa bits, so scores would differ from PyTorch's by about .001.
    """
    if precision.name == "float32":
        import tensorflow as tf

        tf.config.experimental.enable_tensor_float_32_execution(False)


def cpu_has_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether this processor multiplies bfloat16 in hardware (AVX-512 BF16 or AMX)."""
    try:
        text = cpuinfo.read_text()
    except OSError:
        return False
    return "avx512_bf16" in text or "amx_bf16" in text
