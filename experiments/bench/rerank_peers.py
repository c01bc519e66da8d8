"""The other tools' side of reranking, in their own environment: from texts to scores."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from experiments.bench.pairs import read_pairs
from experiments.bench.trials import fastest

TRIAL = 512
# OpenVINO's names of the precisions.
HINTS = {"float32": "f32", "bfloat16": "bf16"}
Texts = list[tuple[str, str]]


def sentence_transformers(job: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """`CrossEncoder.predict`.

    Args:
        job: as for our side; variants have `backend` ("torch", "openvino"), `precision` and `batch`, where these are
            not its own defaults.
    """
    from sentence_transformers import CrossEncoder
    from torch.nn import Identity

    models = {}

    def model_of(backend: str, precision: str) -> Any:
        if (backend, precision) not in models:
            models[backend, precision] = CrossEncoder(
                str(Path(job["data"]) / "hf"), device="cpu", backend=backend, model_kwargs=_options(backend, precision)
            )
        return models[backend, precision]

    def score(texts: Texts, backend: str = "torch", precision: str = "float32", batch: int = 32) -> np.ndarray:
        # The raw scores, to be compared with ours.
        return model_of(backend, precision).predict(texts, batch_size=batch, activation_fn=Identity())

    return _rounds(job, score)


def flag_embedding(job: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """`FlagReranker.compute_score`; variants have `batch` where it is not its own default."""
    from FlagEmbedding import FlagReranker

    reranker = FlagReranker(str(Path(job["data"]) / "hf"), devices="cpu", use_fp16=False)

    def score(texts: Texts, batch: int = 128) -> np.ndarray:
        return np.asarray(reranker.compute_score(texts, batch_size=batch), np.float32)

    return _rounds(job, score)


def _options(backend: str, precision: str) -> dict[str, Any]:
    if backend == "openvino":
        return {"ov_config": {"INFERENCE_PRECISION_HINT": HINTS[precision]}}
    if precision == "float32":
        return {}
    import torch

    return {"dtype": getattr(torch, precision)}


def _rounds(job: dict[str, Any], score: Callable[..., np.ndarray]) -> Callable[[], dict[str, Any]]:
    texts = read_pairs(job["data"]).texts
    chosen, tried = fastest(job.get("variants", [{}]), lambda variant: score(texts[:TRIAL], **variant))

    def round_of() -> dict[str, Any]:
        begin = time.perf_counter()
        scores = score(texts, **chosen)
        seconds = time.perf_counter() - begin
        if not Path(job["scores"]).exists():
            np.save(job["scores"], np.asarray(scores, np.float32))
        return {"rate": len(scores) / seconds}

    round_of.facts = {"chosen": chosen, "tried": tried}
    return round_of
