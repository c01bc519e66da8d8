"""The time and memory of the steps as a Markdown table, and the machine."""

import os
import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

# No step may need more memory than this.
LIMIT = 8_000_000_000
_HEAD = ("Step", "Amount", "Time", "CPU time", "Rate", "Peak memory", "Disk", "Note")


def report(scale: float, records: Mapping[str, dict[str, Any]]) -> str:
    """The page about some steps, from the records that they wrote: name -> record."""
    rows = [_row(record) for record in records.values()]
    lines = [_line(_HEAD), _line(["---", *["--:"] * (len(_HEAD) - 2), "---"]), *map(_line, rows)]
    highest = max(record["peak_bytes"] for record in records.values())
    within = "within" if highest <= LIMIT else "ABOVE"
    return "\n".join(
        [
            f"Scale {scale:g} of MS MARCO passage's size, on {machine()}.",
            "",
            *lines,
            "",
            "Each step is a process of its own. Its time includes starting TensorFlow where that is needed, its peak "
            "memory is the process's largest resident set, mapped files included. CPU time is that of all its threads.",
            f"The highest peak, {_bytes(highest)}, is {within} the {_bytes(LIMIT)} that a step may need.",
            "",
        ]
    )


def machine() -> str:
    """Processor, cores that this process may use, memory, system and versions, in one line."""
    cores, memory = len(os.sched_getaffinity(0)), os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("numpy", "tensorflow", "tokenizers"))
    return (
        f"{_processor()}, {cores} core{'s' * (cores > 1)}, {_bytes(memory)} of memory, {platform.system()} "
        f"{platform.release()}, Python {platform.python_version()}, {versions}"
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return " ".join(value.split())
    return platform.machine()


def _row(record: Mapping[str, Any]) -> list[str]:
    amount, seconds = record["amount"], record["seconds"]
    disk = _bytes(record["disk_bytes"]) if record["disk_bytes"] else ""
    counted = [f"{amount:,} {record['unit']}", _time(seconds), _time(record["cpu_seconds"])]
    counted.append(f"{amount / max(seconds, 1e-9):,.0f}/s")
    return [record["what"].rstrip("."), *counted, _bytes(record["peak_bytes"]), disk, record["note"]]


def _line(cells) -> str:
    return f"| {' | '.join(cells)} |"


def _time(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.1f} min"


def _bytes(count: int) -> str:
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
