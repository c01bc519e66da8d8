"""The effect of each optimisation of our reranking: each is turned off or replaced alone."""

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from experiments.bench.pairs import read_pairs
from experiments.bench.rerank_ours import TRIAL, Scorer, fresh_cache
from lce_tf.model import checkpoint
from lce_tf.model.precision import cpu_has_bfloat16
from lce_tf.reranking.engine import Engine
from lce_tf.reranking.engines import open_engine
from lce_tf.reranking.openvino_engine import OpenVinoEngine
from lce_tf.reranking.openvino_model import export_openvino
from lce_tf.reranking.scoring import computed, score_pairs
from lce_tf.tokens.packing import Packer, PaddedPairs

Rows = tuple[np.ndarray, np.ndarray]
Scoring = Callable[[Packer, Rows], None]


def start(job: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """Scores the prepared pairs in each way, one after the other in a round; tokenising is not counted.

    Args:
        job: `data`, the prepared folder; `pairs`, how many of its pairs.
    """
    scorer = Scorer(Path(job["data"]) / "model")
    pairs = read_pairs(job["data"]).first(job["pairs"])
    with fresh_cache():
        packer, rows = scorer.packed(pairs)
        # The stores' files stay mapped after their folder is deleted.
    ways = _ways(scorer.folder)
    for way in ways.values():
        way(packer, tuple(part[:TRIAL] for part in rows))

    def round_of() -> dict[str, Any]:
        return {"variants": {name: _rate(way, packer, rows) for name, way in ways.items()}}

    return round_of


def _ways(folder: Path) -> dict[str, Scoring]:
    """Name -> a way to score."""
    from lce_tf.model.block import Block
    from lce_tf.model.norm import LayerNorm

    own = open_engine(folder)
    ways = {
        "as it comes": _sorted(own),
        "not sorted, each batch padded to its longest pair": _unsorted(own),
        "every pair padded to 256": _unsorted(own, 256),
        "every token in the last layer, not [CLS] alone": _sorted(_altered(folder, own, _all_tokens)),
        "query, key and value by one product": _sorted(_altered(folder, own, _never_plain(Block))),
        "normalisation operation by operation": _sorted(_altered(folder, own, _never_plain(LayerNorm))),
        "OpenVINO, float32": _sorted(open_engine(folder, "openvino", "float32")),
        "TensorFlow, float32": _sorted(open_engine(folder, "tensorflow", "float32")),
        "TensorFlow compiled by XLA, float32": _sorted(open_engine(folder, "xla", "float32")),
    }
    if cpu_has_bfloat16():
        ways["TensorFlow, bfloat16 products"] = _sorted(open_engine(folder, "tensorflow", "bfloat16"))
        ways["TensorFlow, mixed_bfloat16"] = _sorted(open_engine(folder, "tensorflow", "mixed_bfloat16"))
    return ways


def _rate(way: Scoring, packer: Packer, rows: Rows) -> float:
    begin = time.perf_counter()
    way(packer, rows)
    return len(rows[0]) / (time.perf_counter() - begin)


def _sorted(engine: Engine) -> Scoring:
    return lambda packer, rows: score_pairs(engine, packer, *rows)


def _unsorted(engine: Engine, width: int | None = None) -> Scoring:
    """Batches of 32 pairs in the run's order, padded to the longest of the batch or to `width`."""

    def batches(packer: Packer, rows: Rows) -> Iterator[tuple[np.ndarray, PaddedPairs]]:
        for begin in range(0, len(rows[0]), 32):
            part = [column[begin : begin + 32] for column in rows]
            yield np.arange(len(part[0])), packer.pack_to(*part, width) if width else packer.pack(*part)

    def score(packer: Packer, rows: Rows) -> None:
        for _ in computed(engine, batches(packer, rows)):
            pass

    return score


def _altered(folder: Path, like: Engine, alter: Callable[[Any], Any]) -> OpenVinoEngine:
    """The altered model in OpenVINO, in the precision of another engine."""
    model = alter(checkpoint.load(folder))
    with tempfile.TemporaryDirectory(prefix="lce_tf_bench_") as scratch:
        export_openvino(model, Path(scratch) / "openvino.xml")
        return OpenVinoEngine(Path(scratch) / "openvino.xml", like.precision)


def _all_tokens(model: Any) -> Any:
    """The model with its last layer computed for every token."""
    encoder = model.encoder
    encoder.pooled = lambda layout: layout.first(encoder.tokens(layout))
    return model


def _never_plain(kind: type) -> Callable[[Any], Any]:
    """Returns a function that makes a model's parts of one kind keep the form that is faster in TensorFlow."""

    def alter(model):
        for part in model.submodules:
            if isinstance(part, kind):
                part.call = _as_it_runs(part, part.call)
        return model

    return alter


def _as_it_runs(part: Any, call: Callable[..., Any]) -> Callable[..., Any]:
    def result(*arguments, **named):
        part.plain = False
        return call(*arguments, **named)

    return result
