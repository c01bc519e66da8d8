"""Common PyTorch implementations on the same card: eager, compiled, by hand, and sentence-transformers.

usage: python -m experiments.gpu.peers PART FOLDER OUTPUT [--tiny]; needs PyTorch and transformers, and for
`sentence_transformers` that package.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from experiments.bench.lengths import PASSAGES, QUERIES, draw_lengths
from experiments.gpu.torch_packed import Scorer, flat

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
SEQUENCE = 256


def synchronised() -> float:
    """The time after the card has finished all its work."""
    if DEVICE == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def rate(step: Callable[[], object], pairs: int, tiny: bool, warm: int = 4, times: int = 20) -> dict:
    """Pairs a second of a step after its warm-up, and the seconds of the warm-up."""
    start = synchronised()
    for _ in range(1 if tiny else warm):
        step()
    first = synchronised()
    for _ in range(1 if tiny else times):
        step()
    return {"pairs_per_second": pairs * (1 if tiny else times) / (synchronised() - first), "warm_up_s": first - start}


def lengths_of(groups: int, members: int) -> np.ndarray:
    """[groups * members] lengths of pairs in wordpieces; pairs of a group have the same query."""
    rng = np.random.default_rng(1)
    queries = np.repeat(draw_lengths(rng, QUERIES, groups), members)
    return np.minimum(queries + draw_lengths(rng, PASSAGES, groups * members) + 3, SEQUENCE)


def _padded(folder: Path, groups: int, members: int):
    """A Hugging Face classifier, and batches padded to their longest pair."""
    import transformers

    config = transformers.AutoConfig.from_pretrained(folder / "backbone", num_labels=1)
    model = transformers.AutoModelForSequenceClassification.from_config(config).to(DEVICE)
    lengths = lengths_of(groups, members)
    ids = torch.randint(5, config.vocab_size, (len(lengths), int(lengths.max())), device=DEVICE)
    mask = torch.arange(ids.shape[1], device=DEVICE)[None] < torch.tensor(lengths, device=DEVICE)[:, None]
    return model, ids, mask.long(), mask.long()


def _train_padded(folder: Path, tiny: bool, compiled: bool) -> dict:
    groups, members = (2, 4) if tiny else (16, 8)
    model, *inputs = _padded(folder, groups, members)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-5, fused=DEVICE == "cuda")
    forward = torch.compile(model) if compiled else model

    def step():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(DEVICE, torch.bfloat16):
            scores = forward(input_ids=inputs[0], attention_mask=inputs[1], token_type_ids=inputs[2]).logits
        scores = scores.float().view(groups, members)
        (torch.logsumexp(scores, 1) - scores[:, 0]).mean().backward()
        optimizer.step()

    return rate(step, groups * members, tiny)


def torch_train_eager(folder: Path, tiny: bool) -> dict:
    """transformers' model under autocast, padded to the batch's longest pair."""
    return _train_padded(folder, tiny, False)


def torch_train_compiled(folder: Path, tiny: bool) -> dict:
    """transformers' model under torch.compile, padded to the batch's longest pair."""
    return _train_padded(folder, tiny, True)


def _shape(tiny: bool) -> dict:
    return {"layers": 2, "size": 64, "heads": 2, "wide": 128} if tiny else {}


def torch_train_by_hand(folder: Path, tiny: bool) -> dict:
    """Training with `torch_packed`, compiled."""
    groups, members = (2, 4) if tiny else (16, 8)
    model = Scorer(**_shape(tiny)).to(DEVICE)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-5, fused=DEVICE == "cuda")
    inputs = flat(lengths_of(groups, members), 30522, DEVICE)

    def loss_of():
        with torch.autocast(DEVICE, torch.bfloat16):
            scores = model(*inputs)
        scores = scores.float().view(groups, members)
        return (torch.logsumexp(scores, 1) - scores[:, 0]).mean()

    compiled = torch.compile(loss_of, dynamic=False)

    def step():
        optimizer.zero_grad(set_to_none=True)
        compiled().backward()
        optimizer.step()

    return rate(step, groups * members, tiny)


def torch_score_by_hand(folder: Path, tiny: bool) -> dict:
    """Scoring with `torch_packed` in float16, compiled, 1,024 pairs at a time."""
    pairs = 16 if tiny else 1024
    model = Scorer(**_shape(tiny), rate=0.0).to(DEVICE).eval().to(torch.float16 if DEVICE == "cuda" else torch.bfloat16)
    inputs = flat(lengths_of(pairs // 8, 8), 30522, DEVICE)
    compiled = torch.compile(model, dynamic=False)

    @torch.no_grad()
    def step():
        return compiled(*inputs)

    return rate(step, pairs, tiny)


def sentence_transformers(folder: Path, tiny: bool) -> dict:
    """`CrossEncoder.predict` from text in float16 at its best batch size."""
    from sentence_transformers import CrossEncoder

    lines = (folder / "data" / "collection.tsv").read_text().splitlines()
    queries = (folder / "data" / "queries.train.tsv").read_text().splitlines()
    pairs = 64 if tiny else 8192
    texts = [
        (queries[i // 8 % len(queries)].split("\t")[1], lines[i * 7 % len(lines)].split("\t")[1]) for i in range(pairs)
    ]
    kinds = {"dtype": torch.float16} if DEVICE == "cuda" else {}
    model = CrossEncoder(str(folder / "backbone"), num_labels=1, max_length=SEQUENCE, device=DEVICE, model_kwargs=kinds)
    found = {}
    for batch in (8,) if tiny else (128, 256):
        model.predict(texts[: batch * 2], batch_size=batch, show_progress_bar=False)
        start = synchronised()
        model.predict(texts, batch_size=batch, show_progress_bar=False)
        found[batch] = pairs / (synchronised() - start)
    return {"pairs_per_second": max(found.values()), "batch_sizes": found}


PARTS: dict[str, Callable[[Path, bool], dict]] = {
    part.__name__: part
    for part in (
        sentence_transformers,
        torch_train_by_hand,
        torch_score_by_hand,
        torch_train_compiled,
        torch_train_eager,
    )
}


def main() -> int:
    """Runs one part and appends its line to the output."""
    part, folder, output, tiny = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), "--tiny" in sys.argv
    if DEVICE != "cuda" and not tiny:
        sys.exit("PyTorch finds no GPU; name an interpreter with its CUDA build by --peers, or give --tiny")
    torch.manual_seed(0)
    torch.set_float32_matmul_precision("high")
    result = {**PARTS[part](folder, tiny), "torch": torch.__version__}
    if DEVICE == "cuda":
        result["peak_memory_gib"] = torch.cuda.max_memory_allocated() / 2**30
        result["device"] = torch.cuda.get_device_name()
    with open(output, "a") as file:
        file.write(json.dumps({"row": part, **result}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
