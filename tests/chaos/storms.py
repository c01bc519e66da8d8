"""The two series of kills, on a training and a reranking of a tiny model, and the comparison of their outputs."""

import json
from pathlib import Path

import numpy as np

from lce_tf.training.meters import CLOCKED
from tests.chaos.kills import Tally, live, prepare, storm
from tests.training.conftest import Files

TRAINING = {"step": 5, "checkpoint": 3, "evaluation": 3}
RERANKING = {"chunk": 5, "write": 5, "output": 1}


def trained(folder: Path) -> dict:
    """Everything a training leaves except its clock: weights, the newest checkpoint to the bit, figures."""
    import tensorflow as tf

    reader = tf.train.load_checkpoint(str(folder / "checkpoints"))
    state = {name: reader.get_tensor(name) for name in sorted(reader.get_variable_to_shape_map())}
    figures = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    for row in figures:
        for name in CLOCKED:
            row.pop(name, None)
    return {
        "state": {name: np.asarray(value).tobytes() for name, value in state.items() if _counts(name)},
        "weights": (folder / "model.safetensors").read_bytes(),
        "figures": figures,
    }


def _counts(name: str) -> bool:
    """Not the graph of objects, which is no number, nor the number of saves, which counts those of all lives."""
    return not name.startswith(("_CHECKPOINTABLE", "save_counter"))


def reranked(output: Path) -> dict:
    """Run, raw scores and manifest without the seconds, and whether any unexpected file was left."""
    facts = json.loads(Path(f"{output}.json").read_text())
    for name in ("seconds", "output"):
        facts.pop(name)
    return {
        "run": output.read_bytes(),
        "scores": Path(f"{output}.scores.npz").read_bytes(),
        "facts": facts,
        "unfinished": Path(f"{output}.partial").exists(),
    }


def training_storm(folder: Path, kills: int, seed: int, **settings) -> Tally:
    """Kills of a training whose state has dropout, Adam's moments, a loss scale and a best checkpoint."""
    files = Files(folder / "files")
    config = {
        "dataset": str(files.data),
        "run": str(files.run),
        "dev_run": str(files.dev_run),
        "backbone": str(files.with_dropout),
        "group": 4,
        "batch": 4,
        "steps": 60,
        "learning_rate": 1e-3,
        "query_length": 8,
        "sequence_length": 32,
        "precision": "mixed_float16",
        "keep": "best",
        "evaluate_every": 4,
        "checkpoint_every": 3,
        "log_every": 1,
        **settings,
    }
    return storm("train", config, trained, folder, kills, TRAINING, seed)


def reranking_storm(folder: Path, kills: int, seed: int) -> Tally:
    """Kills of a reranking of 240 pairs in chunks of 12."""
    files = Files(folder / "files")
    config = {"steps": 2, "sequence_length": 32, "query_length": 8, "group": 4, "batch": 4}
    names = {"dataset": str(files.data), "run": str(files.run), "backbone": str(files.backbone)}
    model = prepare(folder / "model", "train", {**names, **config})
    if (life := live(model)).status:
        raise RuntimeError(life.said)
    job = {
        "checkpoint": str(model.parent / "out"),
        "dataset": str(files.data),
        "split": "dev",
        "run": str(files.dev_run),
        "chunk": 12,
    }
    return storm("rerank", job, reranked, folder, kills, RERANKING, seed)
