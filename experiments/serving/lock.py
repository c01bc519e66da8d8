"""`python -m experiments.serving.lock`: prints requirements-serve.lock, the lines of requirements.lock for serving.

They are the packages that scoring and serving import (`SCORING` and the extra `serve` of setup.cfg) and all that these
require, as the installed packages say; so run it in an environment made from requirements.lock. `make lock` does.
"""

import configparser
import importlib.metadata
import sys
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
SCORING = (
    "numpy", "openvino", "safetensors", "sentencepiece", "tensorflow", "tf-keras", "tqdm", "transformers", "zstandard",
)  # fmt: skip
HEADER = """\
# What lce serve, lce rerank and lce_tf.Reranker need on CPUs: lines of requirements.lock, of the same versions.
# Written by 'make lock', by the rule in experiments/serving/lock.py; do not edit.
"""


def serving() -> list[str]:
    """The packages that scoring and serving import, by name."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    extra = setup["options.extras_require"]["serve"].split("\n")
    return [*SCORING, *(Requirement(line).name for line in extra if line)]


def required(names: list[str]) -> set[str]:
    """Canonical names of installed packages and of all that they require here."""
    found, left = set(), [Requirement(name) for name in names]
    while left:
        one = left.pop()
        key = canonicalize_name(one.name), *sorted(one.extras)
        if key in found:
            continue
        found.add(key)
        for line in importlib.metadata.requires(one.name) or []:
            other = Requirement(line)
            marker = other.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *one.extras)):
                left.append(other)
    return {name for name, *_ in found}


def serve_lock(lock: str) -> str:
    """The text of requirements-serve.lock, from that of requirements.lock."""
    names = required(serving())
    lines = [line for line in lock.splitlines() if canonicalize_name(line.partition("==")[0]) in names]
    return HEADER + "".join(f"{line}\n" for line in lines)


if __name__ == "__main__":
    path = sys.argv[1] if len(sys.argv) > 1 else ROOT / "requirements.lock"
    sys.stdout.write(serve_lock(Path(path).read_text(encoding="utf-8")))
