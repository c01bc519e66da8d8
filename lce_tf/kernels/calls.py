"""Calls kernels in Triton's intermediate representation as operations of an XLA program."""

import functools
import re
from collections.abc import Sequence
from importlib.resources import files

import tensorflow as tf

# (warps, pipeline stages) of kernels for which other values than (4, 2) were the fastest of those tried on an H200.
TUNED = {"attention_forward": (4, 3), "norm_backward": (2, 2), "gelu_backward": (2, 2)}


def call(
    name: str,
    operands: Sequence[tf.Tensor],
    results: Sequence[tuple[tf.DType, Sequence[int]]],
    grid: Sequence[int],
    half: tf.DType,
) -> list[tf.Tensor]:
    """The outputs of a kernel, called within a function that XLA compiles for an NVIDIA GPU.

    Args:
        name: name of the kernel's file in `ttir`, without its suffix.
        operands: the kernel's inputs, in order; their shapes must be static.
        results: dtype and shape of each output.
        grid: number of programs along up to three axes.
        half: the dtype to use for the kernel's float16: float16 or bfloat16.
    """
    from tensorflow.compiler.tf2xla.ops import gen_xla_ops

    sizes = [*grid, 1, 1][:3]
    function, text = _kernel(name, half.name)
    warps, stages = TUNED.get(function, (4, 2))
    fields = {"num_warps": warps, "num_stages": stages, "grid_x": sizes[0], "grid_y": sizes[1], "grid_z": sizes[2]}
    numbers = ", ".join(f"{key} = {value} : i32" for key, value in fields.items())
    return gen_xla_ops.xla_custom_call_v2(
        operands,
        call_target_name="__gpu$xla.gpu.triton",
        backend_config=f'{{name = "{function}", ir = "{text}", {numbers}}}',
        has_side_effect=False,
        result_dtypes=[dtype for dtype, _ in results],
        result_shapes=[shape for _, shape in results],
    )


@functools.cache
def _kernel(name: str, half: str) -> tuple[str, str]:
    """The kernel's function name and its text, escaped as an MLIR string."""
    text = (files(__package__) / "ttir" / f"{name}.ttir").read_text()
    if half == "bfloat16":
        text = re.sub(r"\bf16\b", "bf16", re.sub(r"xf16>", "xbf16>", text))
    function = re.search(r"tt\.func public @(\w+)", text)[1]
    return function, text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\0A")


def params(site: int, rate: float, heads: int = 0, size: int = 0, rows: int = 0, epsilon: float = 0.0) -> tf.Tensor:
    """[6] int32, the scalars that a kernel reads, see `source`.

    Args:
        site: number of the dropout in the model.
        rate: dropout rate, from 0 to below 1.
        heads: number of attention heads.
        size: entries per row of a row-wise kernel.
        rows: rows per program of a row-wise kernel.
        epsilon: of layer normalisation; its bits are stored.
    """
    import numpy as np

    bits = np.array([epsilon], np.float32).view(np.int32)[0]
    threshold = np.array([min(round(rate * 2**32), 2**32 - 1)], np.uint32).view(np.int32)[0]
    return tf.constant([site, threshold, heads, size, rows, bits], tf.int32)


def rows_of(tokens: int, most: int) -> int:
    """Number of rows per program of a row-wise kernel: the largest divisor of `tokens` up to `most`."""
    return next(rows for rows in range(min(most, tokens), 0, -1) if tokens % rows == 0)
