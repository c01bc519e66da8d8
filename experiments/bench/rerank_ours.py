"""Our side of reranking: from texts to scores, including tokenising."""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from experiments.bench.pairs import Pairs, read_pairs
from experiments.bench.trials import fastest
from lce_tf.foundation.files import cached_in
from lce_tf.model import checkpoint
from lce_tf.reranking.engine import Engine
from lce_tf.reranking.engines import open_engine
from lce_tf.reranking.order import scores_of
from lce_tf.reranking.scoring import score_pairs
from lce_tf.tokens.packing import Packer
from lce_tf.tokens.store import TokenStore
from lce_tf.tokens.tokenizers import WordPieces

# Pairs used to try out settings.
TRIAL = 512


def start(job: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """Scores the prepared pairs.

    Args:
        job: `data`, the prepared folder; `variants`, each with `precision`, `engine` (see `open_engine`) and `tokens`
            a batch where they are not the defaults; `scores`, a file to write the first round's to.
    """
    scorer, pairs = Scorer(Path(job["data"]) / "model"), read_pairs(job["data"])
    trial = pairs.first(min(TRIAL, len(pairs.pairs)))
    chosen, tried = fastest(job.get("variants", [{}]), lambda variant: scorer(trial, **variant))

    def round_of() -> dict[str, Any]:
        begin = time.perf_counter()
        scores = scorer(pairs, **chosen)
        seconds = time.perf_counter() - begin
        if not Path(job["scores"]).exists():
            np.save(job["scores"], scores)
        return {"rate": len(scores) / seconds}

    engine = scorer.engine(**chosen)
    round_of.facts = {"chosen": chosen, "tried": tried, "engine": engine.name, "precision": engine.precision}
    return round_of


class Scorer:
    """Ranking scores of texts by a checkpoint, with an engine for each setting asked for."""

    def __init__(self, folder: Path):
        self.folder, self.tokenizer = folder, WordPieces(folder)
        _, self.scoring, self.lengths = checkpoint.trained(folder)
        self._engines: dict[tuple, Engine] = {}

    def __call__(self, pairs: Pairs, **variant: Any) -> np.ndarray:
        """[pairs] float32; every distinct text is tokenised once, as in reranking a run."""
        engine = self.engine(**variant)
        with fresh_cache():
            packer, rows = self.packed(pairs)
            return scores_of(score_pairs(engine, packer, *rows), self.scoring)

    def packed(self, pairs: Pairs) -> tuple[Packer, tuple[np.ndarray, np.ndarray]]:
        """A packer over the pairs' texts, tokenised now, and the pairs as rows of its stores."""
        stores = (
            TokenStore.build(texts.items(), self.tokenizer, "bench", kind, len(texts))
            for kind, texts in (("queries", pairs.queries), ("passages", pairs.passages))
        )
        packer = Packer(*stores, self.tokenizer.special, self.lengths)
        queries, passages = zip(*pairs.pairs, strict=True)
        rows = packer.queries.rows(np.array(queries, "S")), packer.passages.rows(np.array(passages, "S"))
        return packer, rows

    def engine(self, engine: str = "auto", precision: str = "auto", tokens: int | None = None) -> Engine:
        """The engine of a setting, opened once."""
        setting = engine, precision, tokens
        if setting not in self._engines:
            self._engines[setting] = open_engine(self.folder, engine, precision)
            self._engines[setting].tokens = tokens or self._engines[setting].tokens
        return self._engines[setting]


@contextmanager
def fresh_cache() -> Iterator[None]:
    """Within the block the cache is a temporary folder, which is then deleted."""
    with tempfile.TemporaryDirectory(prefix="lce_tf_bench_") as folder, cached_in(folder):
        yield
