"""Writes `references.json`: what sentence-transformers gives for each of `made.CASES`.

usage: python -m tests.checkpoints.references

Needs torch and sentence-transformers; tests do not. Of two labels both columns are kept.
"""

import json
import os
import tempfile
import warnings
from importlib.metadata import version
from pathlib import Path

from tests.checkpoints.made import CASES, PAIRS

REFERENCES = Path(__file__).with_name("references.json")


def main() -> None:
    """Makes each checkpoint and scores it."""
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="error", CUDA_VISIBLE_DEVICES="-1")
    warnings.filterwarnings("ignore")
    from sentence_transformers import CrossEncoder

    scores = {}
    for name, make in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            make(Path(folder))
            found = CrossEncoder(folder, device="cpu").predict(PAIRS, show_progress_bar=False)
            scores[name] = [[round(float(value), 6) for value in row] for row in found.reshape(len(PAIRS), -1)]
    packages = ("sentence-transformers", "transformers", "tokenizers", "torch")
    lines = [f" {json.dumps(name)}: {json.dumps(rows)}" for name, rows in scores.items()]
    head = json.dumps({package: version(package) for package in packages})
    REFERENCES.write_text(f'{{"versions": {head},\n"scores": {{\n' + ",\n".join(lines) + "\n}}\n", encoding="utf-8")
    print(f"{len(scores)} checkpoints in {REFERENCES.name}")


if __name__ == "__main__":
    main()
