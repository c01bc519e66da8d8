"""Runs that are made once and kept for as long as what they were made of stays the same."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lce_tf.data.datasets import load_dataset
from lce_tf.data.hashes import file_sha256
from lce_tf.data.watched import Watched
from lce_tf.errors import UserError
from lce_tf.files import read_json, sha256_of, write_json
from lce_tf.model import checkpoint
from lce_tf.reranking.calibration import FILE as CALIBRATION
from lce_tf.reranking.outputs import check_sums, read_manifest
from lce_tf.reranking.rerank import RerankConfig, rerank

# What does not change a reranked run: names of what is told by its contents.
NAMES = ("checkpoint", "dataset", "run", "output", "ray", "workers", "chunk")


def made_once(
    output: str | Path,
    settings: dict[str, Any],
    make: Callable[[], Any],
    whole: Callable[[], Any] = lambda: None,
) -> bool:
    """Makes the run at `output` unless it is there, made with the same settings; returns whether it was made.

    `OUTPUT.kept.json` keeps the settings and the run's hash. A run that was made otherwise, or has changed since, is
    made anew.

    Args:
        whole: raises a UserError where something that belongs to the run is not as it was written.
    """
    record = Path(f"{output}.kept.json")
    settings = json.loads(json.dumps(settings, default=str))
    if record.is_file() and Path(output).is_file():
        try:
            before = read_json(record)
            whole()
        except UserError:
            before = None
        if before == {"settings": settings, "sha256": sha256_of(output)}:
            return False
    make()
    write_json(record, {"settings": settings, "sha256": sha256_of(output)})
    return True


def rerank_once(config: RerankConfig) -> bool:
    """`rerank`, unless its run is there already; returns whether it was reranked.

    The run is told by its contents: model and calibration, what it reranks, texts, depth, how pairs are cut and scored.
    """
    folder = checkpoint.locate(config.checkpoint)
    dataset = load_dataset(config.dataset)
    watched = Watched([Path(config.run)])
    calibration = folder / CALIBRATION
    settings = {
        "model": checkpoint.identity(folder),
        "calibration": sha256_of(calibration) if calibration.is_file() else None,
        "run_sha256": file_sha256(config.run),
        "collection": dataset.collection_key,
        "queries": texts_key(dataset.queries(config.split)),
        **{name: value for name, value in vars(config).items() if name not in NAMES},
    }

    def make():
        rerank(config)
        watched.check()  # what is recorded was hashed before it was read

    return made_once(config.file, settings, make, lambda: check_sums(config.file, read_manifest(config.file)))


def texts_key(texts: dict[str, str]) -> str:
    """The SHA-256 of queries in the order they have, as 64 hexadecimal digits."""
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()
