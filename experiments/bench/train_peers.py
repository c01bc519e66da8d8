"""sentence-transformers' side of training, in its own environment."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from experiments.bench.pairs import read_groups
from experiments.bench.trials import fastest

# Steps that are not timed, as on our side.
WARM_UP = 2
# The loss takes the softmax of the labels: with 100 and zeros it is 1 for the positive to 1e-43, which makes it LCE.
POSITIVE = 100.0


def sentence_transformers(job: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """Trains with `CrossEncoderTrainer` and `ListNetLoss` on the groups of our side, in their order.

    Args:
        job: as for our side; `precision` is "float32", or "bfloat16" for torch's autocast. Variants have
            `mini_batch_size`, the loss's own option: None is its default, -1 computes all pairs at once.
    """
    groups = read_groups(job["data"])
    batch, bfloat16 = job["settings"]["batch"], job["precision"] == "bfloat16"

    def train(steps: int, mini_batch_size: int | None = None) -> list[float]:
        return _step_times(Path(job["data"]) / "hf", groups[: steps * batch], batch, bfloat16, mini_batch_size)

    chosen, tried = fastest(job.get("variants", [{}]), lambda variant: train(2, **variant))

    def round_of() -> dict[str, Any]:
        times = train(WARM_UP + job["steps"], **chosen)
        pairs = batch * len(groups[0][1])
        return {"rate": pairs * job["steps"] / (times[-1] - times[WARM_UP - 1])}

    round_of.facts = {"chosen": chosen, "tried": tried, "loss": _first_loss(Path(job["data"]) / "hf", groups[:batch])}
    return round_of


def _model(folder: Path) -> Any:
    from sentence_transformers import CrossEncoder
    from torch.nn import Identity

    return CrossEncoder(str(folder), device="cpu", activation_fn=Identity())


def _step_times(folder: Path, groups: list, batch: int, bfloat16: bool, mini_batch_size: int | None) -> list[float]:
    """When each step of a training from the prepared weights ended, in seconds."""
    from datasets import Dataset
    from sentence_transformers.base.sampler import DefaultBatchSampler
    from sentence_transformers.cross_encoder import CrossEncoderTrainer, CrossEncoderTrainingArguments
    from sentence_transformers.cross_encoder.losses import ListNetLoss
    from transformers import TrainerCallback

    ended = []

    class Clock(TrainerCallback):
        def on_step_end(self, *_, **__):
            ended.append(time.perf_counter())

    model = _model(folder)
    columns = {
        "query": [query for query, _ in groups],
        "passages": [passages for _, passages in groups],
        "labels": [[POSITIVE, *[0.0] * (len(passages) - 1)] for _, passages in groups],
    }
    with tempfile.TemporaryDirectory(prefix="lce_tf_bench_") as output:
        arguments = CrossEncoderTrainingArguments(
            output_dir=output,
            per_device_train_batch_size=batch,
            max_steps=len(groups) // batch,
            learning_rate=1e-5,
            use_cpu=True,
            bf16=bfloat16,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            # A step has the same groups as on our side, so that both have the same lengths.
            batch_sampler=lambda dataset, **options: DefaultBatchSampler(range(len(dataset)), **options),
        )
        loss = ListNetLoss(model, mini_batch_size=mini_batch_size)
        CrossEncoderTrainer(
            model=model,
            args=arguments,
            train_dataset=Dataset.from_dict(columns),
            loss=loss,
            callbacks=[Clock()],
        ).train()
    return ended


def _first_loss(folder: Path, groups: list) -> float:
    """The loss of the first step's groups, without dropout, in float32."""
    import torch
    from sentence_transformers.cross_encoder.losses import ListNetLoss

    model = _model(folder).eval()
    labels = [torch.tensor([POSITIVE, *[0.0] * (len(passages) - 1)]) for _, passages in groups]
    queries, passages = map(list, zip(*groups, strict=True))
    with torch.no_grad():
        return float(ListNetLoss(model, mini_batch_size=-1)([queries, passages], labels))
