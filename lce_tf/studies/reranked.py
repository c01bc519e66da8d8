"""Reranked runs that are made again only if their inputs have changed."""

from pathlib import Path

from lce_tf.data.datasets import load_dataset
from lce_tf.data.hashes import file_sha256, texts_key
from lce_tf.data.watched import Watched
from lce_tf.foundation.files import sha256_of
from lce_tf.foundation.steps import renew
from lce_tf.model import checkpoint
from lce_tf.reranking.calibration import FILE as CALIBRATION
from lce_tf.reranking.outputs import check_sums, read_manifest
from lce_tf.reranking.rerank import RerankConfig, rerank

# Settings that are not recorded: names of inputs, whose hashes are recorded, and settings without effect on scores.
NAMES = ("checkpoint", "dataset", "run", "output", "ray", "workers", "chunk")


def rerank_once(config: RerankConfig) -> bool:
    """Calls `rerank`, unless its run exists and was made from the same inputs; returns whether it called it.

    The record has hashes of model, calibration, first-stage run and texts, the depth, and how pairs are cut and scored.
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
        watched.check()  # the recorded hashes were taken before the run was read

    return renew(Path(config.file), settings, make, lambda: check_sums(config.file, read_manifest(config.file)))
