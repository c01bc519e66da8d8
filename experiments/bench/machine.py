"""The machine of a measurement: processor, memory, versions."""

import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

# Instruction sets that affect the speed of a precision.
ISA = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_bf16", "amx_int8")
PACKAGES = (
    "lce_tf",
    "tensorflow",
    "tf-keras",
    "openvino",
    "torch",
    "transformers",
    "sentence-transformers",
    "optimum-intel",
    "FlagEmbedding",
    "numpy",
)


def description(cpuinfo: Path = Path("/proc/cpuinfo"), meminfo: Path = Path("/proc/meminfo")) -> dict[str, Any]:
    """Processor, cores that this process may use, instruction sets, memory in GiB, system, and current load."""
    facts = _fields(cpuinfo)
    flags = facts.get("flags", facts.get("Features", "")).split()
    memory = _fields(meminfo).get("MemTotal", "0 kB").split()[0]
    return {
        "cpu": facts.get("model name", platform.processor() or platform.machine()),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "isa": [name for name in ISA if name in flags],
        "memory_gib": round(int(memory) / 2**20, 1),
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "threads": {name: os.environ[name] for name in sorted(os.environ) if name.endswith("_NUM_THREADS")},
        "load": round(os.getloadavg()[0], 2),
    }


def versions() -> dict[str, str]:
    """The versions of those of `PACKAGES` that are installed in this process's environment."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _fields(path: Path) -> dict[str, str]:
    """The first value of each `name : value` line."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return {}
    pairs = (line.partition(":") for line in reversed(lines))
    return {name.strip(): value.strip() for name, _, value in pairs}
