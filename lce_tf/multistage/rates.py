"""Measures the pairs per second that each of several models scores; they take turns on the same pairs."""

import time
from typing import Any

from lce_tf.data.datasets import load_dataset
from lce_tf.data.runs import read_run
from lce_tf.foundation.progress import Progress
from lce_tf.multistage.quality import Model
from lce_tf.multistage.scoring import ScoringConfig
from lce_tf.reranking.engines import open_engine
from lce_tf.reranking.opening import open_checkpoint
from lce_tf.reranking.order import pair_rows
from lce_tf.reranking.scoring import score_pairs
from lce_tf.reranking.steady import processor
from lce_tf.tokens.packing import Packer
from lce_tf.tokens.texts import passage_store, query_store
from lce_tf.tokens.windows import expanded
from lce_tf.training.config import TrainConfig

# Pairs to score, and timed turns of each model; the fastest turn counts, since other work only slows a turn down.
TIMED, TURNS = 1024, 3


def rates(models: list[Model], training: TrainConfig, scoring: ScoringConfig) -> dict[str, Any]:
    """The rates on the first pairs of the training's dev run.

    Returns:
        `pairs_per_second` and the `seconds` of each turn, by model; and `pairs`, `engine`, `precision` and `processor`,
        which all models share.
    """
    depth = scoring.depth
    run = read_run(training.dev_run, training.format).cut(depth).take(slice(0, -(-TIMED // depth)))
    dataset, ready = load_dataset(training.dataset), {}
    for model in models:
        opened = open_checkpoint(model.folder)
        queries = query_store(dataset, training.dev_split, opened.tokenizer)
        passages = passage_store(dataset, opened.tokenizer)
        packer = Packer(queries, passages, opened.template, opened.lengths)
        *columns, _ = expanded(packer, *pair_rows(run, packer, training.dev_run, training.dataset))
        engine = open_engine(model.folder, scoring.engine, scoring.scoring_precision)
        ready[model.name] = engine, packer, columns
    seconds: dict[str, list[float]] = {name: [] for name in ready}
    with Progress("time", (TURNS + 1) * len(ready), "turns") as progress:
        for turn in range(TURNS + 1):
            for name, (engine, packer, columns) in ready.items():
                start = time.monotonic()
                score_pairs(engine, packer, *columns)
                if turn:  # the first one also compiles
                    seconds[name].append(time.monotonic() - start)
                progress.advance(1)
    return {
        "pairs": len(run),
        "pairs_per_second": {name: len(run) / min(taken) for name, taken in seconds.items()},
        "seconds": seconds,
        "engine": engine.name,
        "precision": engine.precision,
        "processor": processor(),
    }
