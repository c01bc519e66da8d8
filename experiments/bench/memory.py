"""Peak memory of training steps, above the memory held before the first step."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from experiments.bench.data import training_config
from experiments.bench.train_ours import figures
from lce_tf.training.job import Job

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def start(job: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """Trains for `steps` steps on pairs that all have the full length.

    Before the first step the process holds the model, Adam's two moments and TensorFlow itself. Run it once in a
    process: memory that the allocator keeps would count as memory at rest in the next round.

    Args:
        job: `data`, the prepared folder; `length` in wordpieces; `steps`; `settings` of `TrainConfig`.
    """
    # TensorFlow counts tensors in main memory only with oneDNN, which it leaves off on CPUs without AVX-512.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    config = training_config(job["data"], "long", steps=job["steps"], sequence_length=job["length"], **job["settings"])

    def round_of() -> dict[str, Any]:
        watch = Watch()
        figures(config, watch.attach)
        pairs = config.batch * config.group
        return {
            "peak_mb": watch.allocated,
            "resident_mb": watch.peak - watch.rest,
            "rest_mb": watch.rest,
            "rate": pairs / min(watch.seconds),
        }

    return round_of


class Watch:
    """Wraps a job's step and measures the memory and the time of each call.

    Attributes:
        rest: MiB resident before the first step.
        peak: the most MiB resident at any moment of a step, including graphs and gaps in TensorFlow's allocator.
        allocated: the most MiB that tensors took at any moment of a step, above what they took before it.
        seconds: that each step took; the first one traces as well.
    """

    def __init__(self):
        self.rest, self.peak, self.allocated, self.seconds = 0.0, 0.0, 0.0, []

    def attach(self, job: Job) -> None:
        """Wraps the step of a job that has not run yet."""
        optimizer = getattr(job.optimizer, "inner_optimizer", job.optimizer)
        # Otherwise Adam's moments are made in the first step and count as its memory.
        with job.strategy.scope():
            optimizer._create_all_weights(job.model.trainable_variables)
        self._step, job.take_step = job.take_step, self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._step, name)

    def __call__(self, *arguments: Any) -> Any:
        if not self.seconds:
            self.rest = resident("VmRSS")
        CLEAR.write_text("5")  # the peak counts from here
        before = _allocated("current", reset=True)
        begin = time.perf_counter()
        result = self._step(*arguments)
        float(result[0])
        self.seconds.append(time.perf_counter() - begin)
        self.peak = max(self.peak, resident("VmHWM"))
        self.allocated = max(self.allocated, _allocated("peak") - before)
        return result


def _allocated(which: str, reset: bool = False) -> float:
    """MiB of tensors on the first GPU, else in main memory."""
    import tensorflow as tf

    device = "GPU:0" if tf.config.list_logical_devices("GPU") else "CPU:0"
    if reset:
        tf.config.experimental.reset_memory_stats(device)
    return tf.config.experimental.get_memory_info(device)[which] / 2**20


def resident(field: str, status: Path = STATUS) -> float:
    """MiB of this process: VmRSS now, VmHWM at most since the peak was cleared, RssAnon without mapped files."""
    line = next(line for line in status.read_text().splitlines() if line.startswith(f"{field}:"))
    return int(line.split()[1]) / 1024
