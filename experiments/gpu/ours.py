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

    steps = 6 if tiny else 300
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
    return trained(folder, tiny, "64x8", batch=64, steps=6 if tiny else 120)


def train_16x128(folder: Path, tiny: bool) -> dict:
    """Groups of 128, computed in slices, so that they fit into the memory of groups of 8."""
    return trained(folder, tiny, "16x128", group=128, micro_batch=11_264, steps=6 if tiny else 24)


def score_store(folder: Path, tiny: bool) -> dict:
    """Scoring pairs of the token store, without a run file."""
    from experiments.bench.lengths import packer_of
    from lce_tf.model import checkpoint
    from lce_tf.model.config import Scoring
    from lce_tf.model.precision import resolve
    from lce_tf.reranking.packed_engine import PackedEngine
    from lce_tf.reranking.scoring import score_pairs
    from lce_tf.training.strategies import device_kind

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
    """`lce rerank` of a checkpoint over the generated run: tokenising the collection, scoring, writing."""
    from lce_tf.reranking.rerank import RerankConfig, rerank

    checkpoint = folder / "trained-16x8"
    if not (checkpoint / "config.json").is_file():
        trained(folder, tiny, "16x8", steps=2, log_every=1)
    output = folder / "reranked.trec"
    for file in folder.glob("reranked.trec*"):
        file.unlink()
    start = time.monotonic()
    files = {"dataset": str(folder / "data"), "run": str(folder / "run.trec"), "output": str(output)}
    rerank(RerankConfig(checkpoint=str(checkpoint), split="train", depth=DEPTH, **files))
    whole = time.monotonic() - start
    manifest = json.loads(Path(f"{output}.json").read_text())
    return {
        "pairs_per_second": manifest["pairs"] / manifest["seconds"],
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
    rows = rng.integers(0, 200, 400), rng.integers(0, 1_000, 400)
    if tiny:
        packer.queries.tokens[:] %= 1_000
        packer.passages.tokens[:] %= 1_000
    device = "cuda" if torch.cuda.is_available() else "cpu"
    encoder = transformers.ElectraModel.from_pretrained(folder / "backbone").eval().to(device)
    packed = packer.pack(*rows)
    place = np.arange(packed.input_ids.shape[1])[None]
    mask = place < packed.lengths[:, None]
    segments = mask & (place >= packed.query_lengths[:, None] + 2)
    found = {}
    for name in ("float32", "mixed_float16"):
        if name == "float32":
            tf.config.experimental.enable_tensor_float_32_execution(False)
        model = checkpoint.from_backbone(str(folder / "backbone"), Scoring(), PRECISIONS[name], 1)
        scores = score_pairs(PackedEngine(model, (16_384,)), packer, *rows)
        if name == "float32":
            inputs = [torch.tensor(part.astype(np.int64), device=device) for part in (packed.input_ids, mask, segments)]
            with torch.no_grad():
                out = encoder(input_ids=inputs[0], attention_mask=inputs[1], token_type_ids=inputs[2])[0][:, 0].cpu()
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
    part, folder, output = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    result = PARTS[part](folder, "--tiny" in sys.argv)
    with open(output, "a") as file:
        file.write(json.dumps({"row": part, **result}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
