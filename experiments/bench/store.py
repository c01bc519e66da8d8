"""A token store of a collection's full size: time to open it, and its memory."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from experiments.bench.lengths import PASSAGES, SPECIAL, draw_lengths, store_of
from experiments.bench.memory import resident
from lce_tf.foundation.files import built_folder, write_json
from lce_tf.tokens.lengths import Lengths
from lce_tf.tokens.packing import Packer
from lce_tf.tokens.store import TokenStore

# Candidates of 1,000 queries: what is looked up and packed after opening.
LOOKED_UP, BATCH = 1_000_000, 16_384


def start(job: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """Opens the store, finds a million ids in it and packs pairs from it, all without TensorFlow.

    Run it once in a process, since pages that were read once stay mapped.

    Args:
        job: `folder` for the store, which is written there once; `passages` in it.
    """
    folder = Path(job["folder"]) / f"store-{job['passages']}"
    if not folder.is_dir():
        with built_folder(folder) as scratch:
            write_store(scratch, job["passages"])

    def round_of() -> dict[str, Any]:
        rng = np.random.default_rng(2)
        wanted = rng.integers(0, job["passages"], LOOKED_UP).astype("S")
        before, own = resident("VmRSS"), resident("RssAnon")
        begin = time.perf_counter()
        store = TokenStore.open(folder)
        opened = time.perf_counter()
        rows = store.rows(wanted)
        found = time.perf_counter()
        queries = store_of(np.full(BATCH, 7), rng)
        Packer(queries, store, SPECIAL, Lengths()).pack(np.arange(BATCH), rows[:BATCH])
        return {
            "open_s": opened - begin,
            "look_up_s": found - opened,
            "memory_mb": resident("VmRSS") - before,
            "own_mb": resident("RssAnon") - own,
        }

    return round_of


def write_store(folder: Path, passages: int) -> None:
    """A store of MS MARCO's lengths; its wordpieces are a hole in the file, which takes no disk and reads as zeros."""
    lengths = draw_lengths(np.random.default_rng(0), PASSAGES, passages)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    np.save(folder / "text_ids.npy", np.arange(passages).astype("S"))
    np.save(folder / "offsets.npy", offsets)
    np.lib.format.open_memmap(folder / "tokens.npy", "w+", np.uint16, (int(offsets[-1]),))
    write_json(folder / "store.json", {"texts": passages, "tokens": int(offsets[-1])})
