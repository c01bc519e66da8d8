"""The steps of the proof, each run in a process of its own: `python -m experiments.full_size.steps STEP FOLDER`."""

import json
import os
import resource
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

from experiments.full_size import layout
from experiments.full_size.place import GROUP, GROUPS, TRAIN_STEPS, Done, Place, disk_bytes, forget, resident_bytes
from lce_tf.foundation.arguments import quiet_tensorflow
from lce_tf.foundation.files import built_folder, cache_dir, make_folder, read_json, write_json
from lce_tf.model import hub

SHARDS = 4
BATCH_STEPS = 300
_LOOKED_UP = 100_000


def make_backbone(place: Place) -> Done:
    """Makes a random ELECTRA of one layer with the vocabulary of the packaged model."""
    import transformers

    source = hub.locate("minilm")
    transformers.utils.logging.disable_progress_bar()  # there is no terminal to ask
    words = len((source / "vocab.txt").read_text(encoding="utf-8").splitlines())
    transformers.set_seed(1)
    config = transformers.ElectraConfig(
        vocab_size=words, embedding_size=16, hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=64, max_position_embeddings=512,
    )  # fmt: skip
    with built_folder(place.backbone) as folder:
        transformers.ElectraModel(config).save_pretrained(folder)
        for name in hub.TOKENIZER_FILES:
            if (source / name).is_file():
                shutil.copy(source / name, folder)
    return Done(words, "wordpieces", (place.backbone,))


def tokenise(place: Place) -> Done:
    """Builds the token store of the collection, its hash included."""
    store = _passages(place, _tokenizer(place))
    return Done(len(store), "passages", (store.folder,), f"{len(store.tokens) / len(store):.1f} wordpieces a passage")


def open_store(place: Place) -> Done:
    """Opens the token store and looks up a hundred thousand ids."""
    import numpy as np

    tokenizer = _tokenizer(place)
    before, start = resident_bytes(), time.monotonic()
    store = _passages(place, tokenizer)
    opened, resident = time.monotonic() - start, resident_bytes() - before
    store.rows((np.arange(_LOOKED_UP) % len(store)).astype("S"))
    return Done(len(store), "passages", (), f"opened after {opened:.2f} s with {resident / 1e6:.0f} MB more in memory")


def read_first(place: Place) -> Done:
    """Reads the training run, which is not in the cache."""
    return _read_run(place)._replace(files=(cache_dir() / "runs",))


def read_later(place: Place) -> Done:
    """Reads the training run, which is in the cache but not in memory."""
    forget(cache_dir() / "runs")
    return _read_run(place)


def group_first(place: Place) -> Done:
    """Reads a training's inputs, builds its pool, and deals the first step's groups."""
    return _first_group(place)._replace(files=(cache_dir() / "pools",))


def group_later(place: Place) -> Done:
    """Reads a training's inputs with the pool in the cache but not in memory, and deals the first step's groups."""
    forget(cache_dir())
    return _first_group(place)


def batches(place: Place) -> Done:
    """Deals and packs the groups of some hundred steps, without a model."""
    pairs, wordpieces = _batches(place), 0
    start = time.monotonic()
    for step in range(BATCH_STEPS):
        wordpieces += sum(int(part.lengths.sum()) for part in pairs.batch(step).pairs)
    seconds = time.monotonic() - start
    count = BATCH_STEPS * GROUPS * GROUP
    return Done(count, "pairs", (), f"{count / seconds:,.0f} pairs/s once begun, {wordpieces / count:.1f} wordpieces")


def train(place: Place) -> Done:
    """Trains some hundred steps with a tiny random ELECTRA."""
    from lce_tf.training.job import train

    train(place.config(), place.model)
    lines = (place.model / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    rates = [found["pairs_per_second"] for found in map(json.loads, lines) if "pairs_per_second" in found]
    return Done(TRAIN_STEPS * GROUPS * GROUP, "pairs", (place.model,), f"{rates[-1]:,.0f} pairs/s at the end")


def shard(place: Place, index: int) -> Done:
    """Reranks one shard of the dev run."""
    output = f"{place.reranked}.shard-{index}-of-{SHARDS}"
    return _rerank(place, place.reranked, output, "--shard", f"{index}/{SHARDS}")


def merge(place: Place) -> Done:
    """Joins the shards."""
    from lce_tf.merge import main

    _succeed(main([str(place.reranked)]))
    return _reranked(place.reranked)


def unsharded(place: Place) -> Done:
    """Reranks the dev run in one job, and compares what it writes with what the shards made."""
    from lce_tf.reranking.outputs import read_raw

    alone = place.proof / "unsharded.dev.trec"
    done = _rerank(place, alone, str(alone))
    same = alone.read_bytes() == place.reranked.read_bytes()
    same = same and read_raw(str(alone))["scores"].tobytes() == read_raw(str(place.reranked))["scores"].tobytes()
    return done._replace(note=f"{'equal' if same else 'NOT EQUAL'} to the merged shards")


STEPS: dict[str, Callable[[Place], Done]] = {
    **{
        step.__name__: step
        for step in (make_backbone, tokenise, open_store, read_first, read_later, group_first, group_later)
    },
    **{step.__name__: step for step in (batches, train)},
    **{f"shard_{index}": lambda place, index=index: shard(place, index) for index in range(SHARDS)},
    **{step.__name__: step for step in (merge, unsharded)},
}


def _tokenizer(place: Place):
    from lce_tf.tokens.tokenizers import WordPieces

    return WordPieces(place.backbone)


def _passages(place: Place, tokenizer):
    from lce_tf.data.datasets import load_dataset
    from lce_tf.tokens.texts import passage_store

    return passage_store(load_dataset(str(place.data)), tokenizer)


def _read_run(place: Place) -> Done:
    from lce_tf.data.runs import read_run

    run = read_run(place.data / layout.TRAIN_RUN)
    return Done(len(run), "rows", (), f"{len(run.query_ids):,} queries")


def _first_group(place: Place) -> Done:
    found = _batches(place)
    found.batch(0)
    pool = found.sampler.pool
    return Done(len(pool), "queries", (), f"{len(pool.negatives):,} negatives")


def _batches(place: Place):
    from lce_tf.groups.pipeline import SlicedBatches
    from lce_tf.groups.sampler import GroupSampler
    from lce_tf.training.inputs import read_inputs

    config = place.config()
    inputs = read_inputs(config)
    sampler = GroupSampler(inputs.pool, config.members, config.seed)
    return SlicedBatches(sampler, inputs.packer, GROUPS)


def _rerank(place: Place, output: Path, written: str, *options: str) -> Done:
    from lce_tf.rerank import main

    known = ["--checkpoint", place.model, "--dataset", place.data, "--split", "dev"]
    known += ["--run", place.data / layout.DEV_RUN, "--depth", layout.DEV_DEPTH, "--output", output]
    # In float32 a score depends only on its pair on every processor, so shards and whole can be compared.
    known += ["--precision", "float32"]
    _succeed(main([*map(str, known), *options]))
    return _reranked(Path(written))


def _reranked(output: Path) -> Done:
    files = (output, Path(f"{output}.scores.npz"), Path(f"{output}.json"))
    facts = read_json(files[-1])
    return Done(facts["pairs"], "pairs", files, f"{facts['seconds']:.0f} s of it scoring")


def _succeed(status: int) -> None:
    if status:
        sys.exit(status)


def main() -> None:
    """Runs a step and writes what it took to FOLDER/proof/STEP.json."""
    quiet_tensorflow()
    name, place = sys.argv[1], Place(Path(sys.argv[2]))
    os.environ["LCE_CACHE"] = str(make_folder(place.cache))
    start = time.monotonic()
    done = STEPS[name](place)
    facts = {
        "what": (STEPS[name].__doc__ or f"Reranks shard {name.rpartition('_')[2]} of {SHARDS} of the dev run.").strip(),
        "seconds": time.monotonic() - start,
        "cpu_seconds": time.process_time(),
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "disk_bytes": sum(map(disk_bytes, done.files)),
        **done._asdict(),
        "files": [str(file) for file in done.files],
    }
    write_json(place.proof / f"{name}.json", facts)


if __name__ == "__main__":
    main()
