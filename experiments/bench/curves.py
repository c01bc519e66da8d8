"""The rate of reranking by pair length, batch size and number of processes."""

import concurrent.futures
import multiprocessing
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from experiments.bench.pairs import Pairs, read_pairs
from experiments.bench.rerank_ours import TRIAL, Scorer, fresh_cache
from lce_tf.reranking.engine import Engine
from lce_tf.reranking.engines import open_engine
from lce_tf.reranking.scoring import score_pairs
from lce_tf.tokens.lengths import Lengths
from lce_tf.tokens.packing import Packer
from lce_tf.tokens.store import TokenStore


def lengths(job: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """Pairs per second at each of the `lengths`; every pair has exactly that many wordpieces.

    Args:
        job: `data`, the prepared folder; `pairs`, number of pairs of 128 wordpieces; other lengths get as many
            wordpieces in total.
    """
    scorer = Scorer(Path(job["data"]) / "model")
    engine = open_engine(scorer.folder)
    packed = {length: _uniform(scorer, length, max(8, job["pairs"] * 128 // length)) for length in job["lengths"]}
    for packer, rows in packed.values():
        score_pairs(engine, packer, *rows)

    def round_of() -> dict[str, Any]:
        return {"points": {length: _measured(engine, *parts) for length, parts in packed.items()}}

    return round_of


def batches(job: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """Pairs a second with each of the `tokens` a batch, and the resident memory after it.

    Args:
        job: `data`, the prepared folder; `pairs`, how many of its pairs.
    """
    scorer = Scorer(Path(job["data"]) / "model")
    engine = open_engine(scorer.folder)
    with fresh_cache():
        parts = scorer.packed(read_pairs(job["data"]).first(job["pairs"]))

    def with_batch(tokens: int) -> float:
        engine.tokens = tokens
        return _measured(engine, *parts)

    for tokens in job["tokens"]:
        with_batch(tokens)

    def round_of() -> dict[str, Any]:
        return {"points": {tokens: with_batch(tokens) for tokens in job["tokens"]}}

    return round_of


def shards(job: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """Pairs a second of each number of processes in `shards`, each with its share of the pairs and of the cores.

    Args:
        job: `data`, the prepared folder; `pairs`, how many of its pairs.
    """
    cores = sorted(os.sched_getaffinity(0))
    context = multiprocessing.get_context("spawn")

    def with_shards(count: int) -> float:
        barrier = context.Manager().Barrier(count)
        with concurrent.futures.ProcessPoolExecutor(count, mp_context=context) as pool:
            work = [pool.submit(_shard, job, index, count, cores[index::count], barrier) for index in range(count)]
            spans = [part.result() for part in work]
        return job["pairs"] / (max(end for _, end in spans) - min(begin for begin, _ in spans))

    def round_of() -> dict[str, Any]:
        return {"points": {count: with_shards(count) for count in job["shards"] if count <= len(cores)}}

    return round_of


def _shard(job: dict[str, Any], index: int, count: int, cores: list[int], barrier: Any) -> tuple[float, float]:
    """Start and end of one process's scoring, by the machine's clock; all start when all are ready."""
    os.sched_setaffinity(0, cores)
    pairs = read_pairs(job["data"]).first(job["pairs"])
    part = Pairs(pairs.queries, pairs.passages, pairs.pairs[index::count])
    scorer = Scorer(Path(job["data"]) / "model")
    engine = open_engine(scorer.folder)
    with fresh_cache():
        packer, rows = scorer.packed(part)
    score_pairs(engine, packer, *(column[:TRIAL] for column in rows))
    barrier.wait()
    begin = time.time()
    score_pairs(engine, packer, *rows)
    return begin, time.time()


def _uniform(scorer: Scorer, length: int, count: int) -> tuple[Packer, tuple[np.ndarray, np.ndarray]]:
    """Pairs of random wordpieces, all of one length: 8 of the query, three special ones, the rest the passage's."""
    rng = np.random.default_rng(0)

    def store(texts: int, size: int) -> TokenStore:
        names = np.array([b"%d" % i for i in range(texts)])
        flat = rng.integers(1000, 28000, texts * size).astype(np.uint16)
        return TokenStore(text_ids=names, offsets=np.arange(texts + 1) * size, tokens=flat)

    packer = Packer(store(1, 8), store(count, length - 11), scorer.tokenizer.special, Lengths(8, length))
    return packer, (np.zeros(count, np.int64), np.arange(count))


def _measured(engine: Engine, packer: Packer, rows: tuple[np.ndarray, np.ndarray]) -> float:
    begin = time.perf_counter()
    score_pairs(engine, packer, *rows)
    return len(rows[0]) / (time.perf_counter() - begin)
