"""Caches the training pool of a large run, since building it for MS MARCO takes a minute."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from lce_tf.data.hashes import is_large
from lce_tf.data.kept import kept_arrays
from lce_tf.data.qrels import Qrels
from lce_tf.data.runs import Run
from lce_tf.foundation.files import cache_dir
from lce_tf.groups.pool import Findings, PoolConfig, TrainingPool, build_pool
from lce_tf.tokens.store import TokenStore

# Part of the cache key; change it whenever `build_pool` gives another result for the same inputs.
_BUILDING = "2"
_ARRAYS = ("query_rows", "query_keys", "positives", "positive_offsets", "negatives", "negative_offsets", "grades")


def training_pool(
    file: str | Path,
    run: Run,
    qrels: Qrels,
    judgments: str,
    queries: TokenStore,
    passages: TokenStore,
    config: PoolConfig,
    format: str | None = None,
) -> TrainingPool:
    """The result of `build_pool`, mapped from the cache if the run's file is large and the pool was built before.

    Args:
        file: the file that `run` was read from.
        judgments: key of `qrels`, see `judgments_key`.
        format: the format that `run` was read as; ranks read as scores give the reverse order.

    Raises:
        UserError: as `build_pool`.
    """
    if run.sha256 is None or not is_large(file):
        return build_pool(run, qrels, queries, passages, config)
    made_of = [_BUILDING, run.sha256, judgments, queries.key, passages.key, asdict(config), format]
    key = hashlib.sha256(json.dumps(made_of).encode()).hexdigest()

    def build():
        pool = build_pool(run, qrels, queries, passages, config)
        return {name: getattr(pool, name) for name in _ARRAYS}, asdict(pool.findings)

    arrays, facts = kept_arrays(cache_dir() / "pools" / key[:32], build)
    return TrainingPool(**arrays, findings=Findings(**facts))
