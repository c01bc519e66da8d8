"""XLA's flags on a machine with an NVIDIA GPU, set before TensorFlow starts."""

import os
from collections.abc import Sequence
from pathlib import Path

# Flag -> (value, why).
FLAGS = {
    "xla_gpu_enable_triton_gemm": ("false", "cuBLAS multiplies as fast, and compiling takes seconds, not minutes"),
    "xla_gpu_enable_cublaslt": ("true", "biases are added within products"),
    "xla_gpu_force_compilation_parallelism": (str(min(os.cpu_count() or 1, 16)), "kernels are compiled side by side"),
}
# Files that exist where the NVIDIA driver is installed; looking for them loads no GPU library.
DRIVER = (Path("/proc/driver/nvidia/version"), Path("/dev/nvidiactl"), Path("/dev/nvidia0"))


def set_flags(driver: Sequence[Path] = DRIVER) -> None:
    """Adds `FLAGS` to the environment variable XLA_FLAGS if an NVIDIA driver is installed; flags set there are kept.

    Args:
        driver: files of which at least one exists if the driver is installed.
    """
    if not any(file.exists() for file in driver):
        return
    given = os.environ.get("XLA_FLAGS", "")
    named = {part.lstrip("-").partition("=")[0] for part in given.split()}
    ours = [f"--{name}={value}" for name, (value, _) in FLAGS.items() if name not in named]
    os.environ["XLA_FLAGS"] = " ".join([*given.split(), *ours])


def flags() -> str:
    """The value of the environment variable XLA_FLAGS, "" if it is not set; manifests record it."""
    return os.environ.get("XLA_FLAGS", "")
