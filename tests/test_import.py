"""Importing is cheap: it loads no framework, JVM or plotting library.

The test checks modules instead of seconds, which depend on the machine: `import lce_tf` loads only the standard
library, which keeps it far below a tenth of a second.
"""

import json
import subprocess
import sys
from pathlib import Path

from lce_tf.cli import COMMANDS

ROOT = Path(__file__).parents[1]
HEAVY = {
    "faiss", "h5py", "ir_datasets", "ir_measures", "jnius", "keras", "matplotlib", "official", "openvino", "orbit",
    "pandas", "pyserini", "pytrec_eval", "ray", "safetensors", "scipy", "sklearn", "statsmodels", "tensorflow",
    "tensorflow_text", "tf_keras", "tokenizers", "torch", "transformers",
}  # fmt: skip


def loaded_by(*modules: str) -> set[str]:
    """Top-level names of all that is in sys.modules after a new interpreter has imported `modules`."""
    load = "; ".join(f"importlib.import_module({module!r})" for module in modules)  # `import` is a word of Python
    code = f"import importlib, json, sys; {load}; print(json.dumps([name.split('.')[0] for name in sys.modules]))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def third_party(names: set[str]) -> set[str]:
    """Those of `names` that neither the standard library nor the interpreter's own start-up brings."""
    return names - set(sys.stdlib_module_names) - loaded_by("sys") - {"lce_tf"}


def test_the_package_loads_the_standard_library_only():
    assert third_party(loaded_by("lce_tf", "lce_tf.cli")) == set()


def heavy_of(parts: dict[str, list[str]]) -> dict[str, set[str]]:
    """Which of the parts load something heavy, with that; all are imported together unless there is such a part."""
    if not loaded_by(*(module for modules in parts.values() for module in modules)) & HEAVY:
        return {}
    found = {part: loaded_by(*modules) & HEAVY for part, modules in parts.items()}
    return {part: heavy for part, heavy in found.items() if heavy}


def test_doors_load_nothing_heavy():
    assert heavy_of({name: [module] for name, (module, _) in COMMANDS.items()}) == {}


def test_packages_without_a_model_load_nothing_heavy():
    packages = "data evaluation groups hard_negatives importing paper replication reporting retrieval tokens".split()
    parts = {}
    for package in packages:
        files = sorted((ROOT / "lce_tf" / package).rglob("*.py"))
        parts[package] = [
            ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in files
        ]
    assert all(parts.values()) and heavy_of(parts) == {}
