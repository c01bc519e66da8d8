"""Our side of training: real trainings of a few steps, whose steady steps are timed."""

import contextlib
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from experiments.bench.data import training_config
from experiments.bench.pairs import Pairs, read_groups
from lce_tf.groups.pipeline import slices_of
from lce_tf.training.job import Job, train

# Steps that compile, allocate and fill queues; they are not timed.
WARM_UP = 2


def start(job: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """Trains for `WARM_UP` + `steps` steps a round, from the same weights on the same groups.

    Args:
        job: `data`, the prepared folder; `steps` that count; `settings` of `TrainConfig`.
    """
    config = training_config(job["data"], steps=WARM_UP + job["steps"], **job["settings"])

    def round_of() -> dict[str, Any]:
        return {"rate": steady_rate(config)}

    round_of.facts = {"loss": first_loss(job["data"], config), "precision": config.precision}
    return round_of


def tricks(job: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """Trains as `start` does with each of our optimisations turned off or replaced alone, one after the other in a
    round.

    Args:
        job: as for `start`.
    """
    variants = {
        "as it comes": ({}, None),
        "dense layers over padding too": ({}, _over_padding),
        "slices computed at once": ({}, _at_once),
        "slices computed twice": ({}, _replayed),
        "slices of 16 pairs, to a multiple of 16": ({}, _coarse),
        "one slice, padded to its longest pair": ({}, _one_slice),
        "one slice, padded to 256": ({}, _padded),
        # Padded to 256, since XLA would compile other lengths during the timed steps.
        "one slice, padded to 256, compiled by XLA": ({"xla": True}, _padded),
        "float32 products": ({"precision": "float32"}, None),
        "mixed_bfloat16 throughout": ({"precision": "mixed_bfloat16"}, None),
    }

    def round_of() -> dict[str, Any]:
        rates = {}
        for name, (settings, change) in variants.items():
            config = training_config(job["data"], steps=WARM_UP + job["steps"], **{**job["settings"], **settings})
            rates[name] = steady_rate(config, change)
        return {"variants": rates}

    return round_of


def steady_rate(config: Any, change: Callable[[Job], None] | None = None) -> float:
    """Pairs a second over the steps after the first `WARM_UP`, from a run's own `metrics.jsonl`.

    Args:
        change: what to do to the job before it runs.
    """
    lines = figures(config, change)[WARM_UP:]
    return len(lines) / sum(1 / line["pairs_per_second"] for line in lines)


def figures(config: Any, change: Callable[[Job], None] | None = None) -> list[dict[str, float]]:
    """The lines of `metrics.jsonl` of a training in a folder that is then deleted."""
    with tempfile.TemporaryDirectory(prefix="lce_tf_bench_") as folder, _before_run(change):
        train(config, folder)
        lines = (Path(folder) / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@contextlib.contextmanager
def _before_run(change: Callable[[Job], None] | None) -> Iterator[None]:
    """Within the block, calls `change` with every job just before it runs."""
    run = Job.run

    def changed(job: Job) -> None:
        if change:
            change(job)
        run(job)

    Job.run = changed
    try:
        yield
    finally:
        Job.run = run


def first_loss(data: str, config: Any) -> float:
    """LCE of the prepared model on the first step's groups, without dropout, in float32."""
    from experiments.bench.rerank_ours import Scorer
    from lce_tf.losses import LOSSES

    groups = read_groups(data)[: config.batch]
    queries = {f"q{i}": query for i, (query, _) in enumerate(groups)}
    passages = {f"p{i}-{j}": text for i, (_, texts) in enumerate(groups) for j, text in enumerate(texts)}
    pairs = [(f"q{name[1:].partition('-')[0]}", name) for name in passages]
    scores = Scorer(Path(data) / "model")(Pairs(queries, passages, pairs), engine="tensorflow", precision="float32")
    logits = scores.reshape(len(groups), -1, 1)
    labels = np.zeros(logits.shape[:2], np.float32)
    labels[:, 0] = 1
    return float(np.mean(LOSSES["lce"]()(logits, labels)))


def _over_padding(job: Job) -> None:
    job.take_step.form = contextlib.nullcontext


def _at_once(job: Job) -> None:
    job.take_step.parts = None


def _replayed(job: Job) -> None:
    job.take_step.parts = [1] * job.batches.slices


def _coarse(job: Job) -> None:
    job.batches.slices, job.batches.multiple = slices_of(job.batches.pairs, 16), 16
    job.take_step.parts = None


def _one_slice(job: Job, multiple: int = 16) -> None:
    job.batches.slices, job.batches.multiple = 1, multiple
    job.take_step.parts = None
    _over_padding(job)


def _padded(job: Job) -> None:
    _one_slice(job, multiple=256)
