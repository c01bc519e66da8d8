"""The input side: padding in training, and the rates of packing batches and tokenising texts."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from experiments.bench.lengths import packer_of, pool_of
from experiments.bench.rerank_ours import fresh_cache
from lce_tf.groups.pipeline import MULTIPLE, SlicedBatches, slices_of
from lce_tf.groups.sampler import GroupSampler
from lce_tf.reranking.layout import by_width
from lce_tf.reranking.scoring import score_pairs
from lce_tf.reranking.steady import CPU_TOKENS

# Mean number of words of a passage of MS MARCO.
WORDS = 52


def padding(job: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """Wordpieces computed in training, padding included, divided by those of the pairs; counted, so equal everywhere.

    Args:
        job: `groups` a step, `members`, `steps`.
    """
    batches = _batches(job, passages=20_000, queries=2_000)

    ours = batches.slices

    def ratio(slices: int = ours, multiple: int = MULTIPLE) -> float:
        batches.slices, batches.multiple = slices, multiple
        computed = real = 0
        for step in range(job["steps"]):
            parts = batches.batch(step).pairs
            computed += sum(part.input_ids.size for part in parts)
            real += sum(int(part.lengths.sum()) for part in parts)
        return computed / real

    def round_of() -> dict[str, Any]:
        return {
            "value": ratio(),
            "variants": {
                "as it comes": ratio(),
                "one slice, padded to its longest pair": ratio(1),
                "every pair padded to 256": ratio(1, 256),
            }
            | {
                f"slices of {pairs}, multiples of {multiple}": ratio(slices_of(batches.pairs, pairs), multiple)
                for pairs in (32, 16, 8)
                for multiple in (16, 8)
            },
        }

    return round_of


def rerank_padding(job: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """Wordpieces computed in reranking divided by those of the pairs, for several numbers of pairs; counted.

    Args:
        job: `pairs`, the numbers of pairs.
    """
    packer = packer_of(passages=20_000, queries=2_000)

    class Counting:
        """An engine that computes nothing and counts the wordpieces it would compute."""

        ahead, computed = 0, 0

        def batches(self, packer, query_rows, passage_rows):
            return by_width(packer, query_rows, passage_rows, CPU_TOKENS, fill=1)

        def start(self, batch):
            self.computed += batch.input_ids.size
            return lambda: np.zeros((len(batch.lengths), 1), np.float32)

    def ratio(count: int) -> float:
        rng, engine = np.random.default_rng(0), Counting()
        rows = rng.integers(0, len(packer.queries), count), rng.integers(0, len(packer.passages), count)
        score_pairs(engine, packer, *rows)
        return engine.computed / int((sum(packer.measure(*rows)) + 3).sum())

    return lambda: {"variants": {f"{count:,} pairs": ratio(count) for count in job["pairs"]}}


def packing(job: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """Packed pairs a second that the training's tf.data pipeline delivers when nothing else is computed.

    Args:
        job: `groups` a step, `members`, `steps`; `passages` and `queries` in the stores.
    """
    batches = _batches(job, job["passages"], job["queries"])

    def round_of() -> dict[str, Any]:
        feed = iter(batches.dataset(0, job["steps"] + 1))
        next(feed)
        begin = time.perf_counter()
        for _ in feed:
            pass
        return {"value": job["steps"] * job["groups"] * job["members"] / (time.perf_counter() - begin)}

    return round_of


def tokenise(job: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """Passages per second tokenised into a token store; the data set's words, cut to MS MARCO's mean passage length.

    Args:
        job: `dataset` whose passages' text is used; `texts`, how many.
    """
    import itertools

    from lce_tf.data.datasets import load_dataset
    from lce_tf.data.pydocs import collection as pydocs
    from lce_tf.model import hub
    from lce_tf.tokens.store import TokenStore
    from lce_tf.tokens.tokenizers import WordPieces

    found = load_dataset(str(pydocs.folder()) if job["dataset"] == "pydocs" else job["dataset"])
    words = [word for _, text in found.passages() for word in text.split()]
    running = itertools.cycle(words)
    texts = [(f"p{i}", " ".join(itertools.islice(running, WORDS))) for i in range(job["texts"])]
    tokenizer = WordPieces(hub.locate("minilm"))
    tokenizer([text for _, text in texts[:64]])

    def round_of() -> dict[str, Any]:
        with fresh_cache():
            begin = time.perf_counter()
            store = TokenStore.build(texts, tokenizer, "bench", "passages", len(texts))
            seconds = time.perf_counter() - begin
        return {"value": len(texts) / seconds, "wordpieces": len(store.tokens) / len(texts)}

    return round_of


def _batches(job: dict[str, Any], passages: int, queries: int) -> SlicedBatches:
    packer = packer_of(passages, queries)
    sampler = GroupSampler(pool_of(packer), job["members"], seed=42)
    return SlicedBatches(sampler, packer, job["groups"])
