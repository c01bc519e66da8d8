"""The rate of a training: the model's operations per second, and their share of the card's peak."""

import contextlib
import math
import re
import time
from collections.abc import Iterator

from lce_tf.model.config import EncoderConfig
from lce_tf.training.config import TrainConfig

# Figures that depend on the machine and its clock; they differ between two runs of the same training.
CLOCKED = (
    "pairs_per_second",
    "wordpieces_per_second",
    "model_tflops",
    "share_of_peak",
    "peak_memory_gib",
    "input_wait",
    "programs",
)
# Share of time spent waiting for batches above which a warning is printed.
WAITS = 0.03

# Dense float16 products with float32 sums, in TFLOP/s, from the makers' data sheets.
PEAKS = {
    "H200 NVL": 835.5,
    "H200": 989.4,
    "H100 PCIe": 756.0,
    "H100 NVL": 835.5,
    "H100": 989.4,
    "GH200": 989.4,
    "A100": 312.0,
    "A40": 149.7,
    "A10": 125.0,
    "L40S": 362.0,
    "L40": 181.0,
    "L4": 121.0,
    "V100": 125.0,
    "T4": 65.0,
}


def training_flops(config: EncoderConfig, wordpieces: float, length: float) -> float:
    """Floating-point operations of a forward and a backward pass, matrix products only: three times those of scoring.

    Args:
        wordpieces: real ones, without padding.
        length: mean length of a pair, for attention.
    """
    size, inner = config.hidden_size, config.num_attention_heads * config.head_size
    a_token = 2 * (4 * size * inner + (2 + config.gated) * size * config.intermediate_size) + 4 * inner * length
    return 3 * wordpieces * len(config.order) * a_token


def peak_flops(given: float | None = None) -> float | None:
    """Peak rate of the card in FLOP/s: `given` (in TFLOP/s) if set, else that of a known card, else None."""
    if given:
        return given * 1e12
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return None
    name = tf.config.experimental.get_device_details(gpus[0]).get("device_name", "")
    return known_peak(name)


def known_peak(device: str) -> float | None:
    """Peak rate in FLOP/s of a device by its full name, such as "NVIDIA A100-SXM4-80GB"; None if it is not known."""
    return next((peak * 1e12 for card, peak in PEAKS.items() if re.search(rf"\b{card}\b", device)), None)


def peak_memory() -> int | None:
    """Peak bytes of the first GPU's memory used by tensors so far; None without a GPU."""
    import tensorflow as tf

    return tf.config.experimental.get_memory_info("GPU:0")["peak"] if tf.config.list_logical_devices("GPU") else None


class Meter:
    """Sums the figures of steps and returns their means and rates for each line of the log.

    Attributes:
        examples: pairs per step.
    """

    def __init__(self, config: TrainConfig, encoder: EncoderConfig):
        self._config, self._encoder = config, encoder
        self.examples = config.batch * config.members
        self._peak, self._warned, self._waited = peak_flops(config.peak_tflops), False, 0.0
        self._start()

    def _start(self) -> None:
        self._losses, self._wordpieces, self._since = [], 0.0, time.monotonic()

    def add(self, taken, rate: float) -> None:
        """Adds a step.

        Args:
            taken: `Taken`, read from the device.
            rate: its learning rate.
        """
        self._losses.append(taken.loss)
        self._wordpieces += taken.wordpieces
        self._last, self._rate = taken, rate

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """A block, such as an evaluation, whose time the rates leave out; no step may be taken in it."""
        begun = time.monotonic()
        yield
        self._since += time.monotonic() - begun

    def figures(self, step, watch) -> dict[str, float]:
        """The figures since the last call, by their names in `metrics.jsonl`.

        Args:
            step: the training step; its time waiting for batches is included if it is measured.
            watch: `Watch`.
        """
        seconds, steps = max(time.monotonic() - self._since, 1e-9), len(self._losses)
        found = {
            "loss": math.fsum(self._losses) / steps,
            "learning_rate": self._rate,
            "gradient_norm": self._last.norm,
            "score_spread": self._last.spread,
            "loss_scale": self._last.scale,
            "skipped_steps": watch.skipped,
            "pairs_per_second": steps * self.examples / seconds,
        }
        replicas = step.strategy.num_replicas_in_sync
        wordpieces = self._wordpieces * replicas
        found["wordpieces_per_second"] = wordpieces / seconds
        length = wordpieces / (steps * self.examples * self._config.lengths.windows)
        flops = step.objective.masks * training_flops(self._encoder, wordpieces, length) / seconds
        found["model_tflops"] = flops / 1e12
        if self._peak:
            found["share_of_peak"] = flops / replicas / self._peak
        if (memory := peak_memory()) is not None:
            found["peak_memory_gib"] = memory / 2**30
        if hasattr(step, "waited"):
            found["input_wait"] = min((step.waited - self._waited) / seconds, 1.0)
            self._waited = step.waited
            found["programs"] = step.programs
            if found["input_wait"] > WAITS and not self._warned and step.programs:
                self._warned = True
                print(
                    f"warning: {found['input_wait']:.0%} of the time goes into waiting for batches; give the machine "
                    "more processor cores, or see docs/gpu.md",
                    flush=True,
                )
        self._start()
        return found
