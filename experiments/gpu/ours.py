"""Our rows: `lce train` and `lce rerank` as a user calls them, and scoring from the token store.

usage: python -m experiments.gpu.ours PART FOLDER OUTPUT [--tiny]
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from lce_tf.foundation.arguments import quiet_tensorflow

quiet_tensorflow()


def settings(folder: Path, tiny: bool, **changes):
    """A training on the generated files."""
    from lce_tf.training.config import TrainConfig

    steps = changes.get("steps", 6 if tiny else 300)
    base = {"dataset": str(folder / "data"), "run": str(folder / "run.trec"), "backbone": str(folder / "backbone")}
    base |= {"steps": steps, "checkpoint_every": 10**6, "log_every": max(steps // 3, 1), "negatives_depth": 150}
    return TrainConfig(**{**base, **changes})


def trained(folder: Path, tiny: bool, name: str, **changes) -> dict:
    """Figures of a training's last log line, and the seconds until its first log line."""
    import shutil

    from lce_tf.training.job import train

    output = folder / f"trained-{name}"
    shutil.rmtree(output, ignore_errors=True)
    start = time.monotonic()
    train(settings(folder, tiny, **changes), output)
    rows = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
    manifest = json.loads((output / "manifest.json").read_text())
    last = rows[-1]
    first = rows[0]["step"] / rows[0]["pairs_per_second"] * (changes.get("group", 8) * changes.get("batch", 16))
    kept = (
        "pairs_per_second",
        "wordpieces_per_second",
        "model_tflops",
        "share_of_peak",
        "peak_memory_gib",
        "input_wait",
    )
    return {
        **{name: last[name] for name in kept if name in last},
        "layout": manifest["layout"],
        "precision": manifest["precision"],
        "xla_flags": manifest["xla_flags"],
        "first_log_s": round(first, 1),
        "whole_s": round(time.monotonic() - start, 1),
    }


def train_16x8(folder: Path, tiny: bool) -> dict:
    """The paper's batch."""
    return trained(folder, tiny, "16x8")


def train_16x8_bfloat16(folder: Path, tiny: bool) -> dict:
    """The paper's batch in mixed_bfloat16."""
    return trained(folder, tiny, "16x8-bf16", precision="mixed_bfloat16")


def train_64x8(folder: Path, tiny: bool) -> dict:
    """A batch as large as fits on the card."""
    # As one part on every card.
    return trained(folder, tiny, "64x8", batch=64, steps=6 if tiny else 120, micro_batch=65_536)


def train_16x128(folder: Path, tiny: bool) -> dict:
    """Groups of 128, computed in slices, so that they fit into the memory of groups of 8."""
    return trained(folder, tiny, "16x128", group=128, micro_batch=11_264, steps=6 if tiny else 24)


def score_store(folder: Path, tiny: bool) -> dict:
    """Scoring pairs of the token store, without a run file."""
    from experiments.bench.lengths import packer_of
    from lce_tf.model import checkpoint
    from lce_tf.model.config import Scoring
    from lce_tf.model.precision import device_kind, resolve
    from lce_tf.reranking.packed_engine import PackedEngine
    from lce_tf.reranking.scoring import score_pairs

    model = checkpoint.from_backbone(str(folder / "backbone"), Scoring(), resolve("auto", device_kind()), 1)
    engine, packer = PackedEngine(model), packer_of(20_000, 2_000)
    pairs = 200 if tiny else 160_000
    rng = np.random.default_rng(2)
    rows = rng.integers(0, 2_000, pairs), rng.integers(0, 20_000, pairs)
    if tiny:
        packer.queries.tokens[:] %= 1_000
        packer.passages.tokens[:] %= 1_000
    start = time.monotonic()
    score_pairs(engine, packer, rows[0][:1_000], rows[1][:1_000])
    score_pairs(engine, packer, rows[0][:5_000], rows[1][:5_000])
    first = time.monotonic() - start
    start = time.monotonic()
    scores = score_pairs(engine, packer, *rows)
    seconds = time.monotonic() - start
    lengths = sum(packer.measure(*rows)) + 3
    return {
        "pairs_per_second": pairs / seconds,
        "wordpieces_per_second": float(lengths.sum()) / seconds,
        "compile_s": round(first, 1),
        "programs": engine.programs,
        "finite": bool(np.isfinite(scores).all()),
    }


def rerank_text(folder: Path, tiny: bool) -> dict:
    """`lce rerank` over the generated run: without its start (reading, tokenising, compiling), and with everything."""
    import shutil

    from lce_tf.foundation.files import cached_in
    from lce_tf.reranking.chunks import Chunks
    from lce_tf.reranking.rerank import RerankConfig, rerank

    checkpoint = folder / "trained-16x8"
    if not (checkpoint / "config.json").is_file():
        trained(folder, tiny, "16x8", steps=2, log_every=1)
    output = folder / "reranked.trec"
    for left in folder.glob("reranked*"):  # of an earlier run; a folder, if that was stopped
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    files = {"dataset": str(folder / "data"), "run": str(folder / "run.trec"), "output": str(output)}
    chunk = 200 if tiny else 16_384
    times, real = [], Chunks.write

    def write(chunks, *arguments):
        times.append(time.monotonic())
        return real(chunks, *arguments)

    Chunks.write = write
    start = time.monotonic()
    with cached_in(folder / "cache"):
        shutil.rmtree(folder / "cache", ignore_errors=True)
        rerank(RerankConfig(checkpoint=str(checkpoint), split="train", depth=DEPTH, chunk=chunk, **files))
    whole = time.monotonic() - start
    manifest = json.loads(Path(f"{output}.json").read_text())
    return {
        # Both programs are compiled within the first chunks; the last one is smaller.
        "pairs_per_second": chunk * (len(times) - 4) / (times[-2] - times[2]),
        "with_everything": manifest["pairs"] / whole,
        "pairs": manifest["pairs"],
        "engine": manifest["engine"],
        "precision": manifest["precision"],
    }


def parity(folder: Path, tiny: bool) -> dict:
    """Largest difference of our logits, in float32 and in mixed_float16, from PyTorch's in float32 without TF32."""
    import tensorflow as tf
    import torch
    import transformers

    from experiments.bench.lengths import packer_of
    from lce_tf.model import checkpoint
    from lce_tf.model.config import Scoring
    from lce_tf.model.precision import PRECISIONS
    from lce_tf.reranking.packed_engine import PackedEngine
    from lce_tf.reranking.scoring import score_pairs

    packer, rng = packer_of(1_000, 200), np.random.default_rng(3)
    rows = rng.integers(0, 200, 100), rng.integers(0, 1_000, 100)
    if tiny:
        packer.queries.tokens[:] %= 1_000
        packer.passages.tokens[:] %= 1_000
    # On the CPU, since TensorFlow holds the card's memory.
    encoder = transformers.ElectraModel.from_pretrained(folder / "backbone").eval()
    packed = packer.pack(*rows)
    position = np.arange(packed.input_ids.shape[1])[None]
    mask = position < packed.lengths[:, None]
    segments = mask & (position >= packed.type_0_lengths[:, None])
    found = {}
    for name in ("float32", "mixed_float16"):
        if name == "float32":
            tf.config.experimental.enable_tensor_float_32_execution(False)
        model = checkpoint.from_backbone(str(folder / "backbone"), Scoring(), PRECISIONS[name], 1)
        scores = score_pairs(PackedEngine(model, (16_384,)), packer, *rows)
        if name == "float32":
            inputs = [torch.tensor(part.astype(np.int64)) for part in (packed.input_ids, mask, segments)]
            with torch.no_grad():
                out = encoder(input_ids=inputs[0], attention_mask=inputs[1], token_type_ids=inputs[2])[0][:, 0]
            expected = out.numpy() @ model.head.linear.kernel.numpy() + model.head.linear.bias.numpy()
        found[name] = float(np.abs(scores - expected).max())
    return {**found, "std": float(expected.std())}


DEPTH = 200
PARTS: dict[str, Callable[[Path, bool], dict]] = {
    part.__name__: part
    for part in (train_16x8, score_store, rerank_text, train_64x8, train_16x128, parity, train_16x8_bfloat16)
}


def main() -> int:
    """Runs one part and appends its line to the output."""
    import tensorflow as tf

    part, folder, output, tiny = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), "--tiny" in sys.argv
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus and not tiny:
        sys.exit("TensorFlow finds no GPU; install the extra gpu (docs/gpu.md), or give --tiny")
    card = tf.config.experimental.get_device_details(gpus[0]).get("device_name") if gpus else "cpu"
    result = PARTS[part](folder, tiny)
    with open(output, "a") as file:
        file.write(json.dumps({"row": part, **result, "device": card, "tensorflow": tf.__version__}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
