"""Builds the batches and the training step of each layout."""

from typing import Any, NamedTuple

from lce_tf.groups.packed import PackedBatches
from lce_tf.groups.pipeline import TrainingBatches
from lce_tf.groups.sampler import GroupSampler
from lce_tf.tokens.packing import Packer
from lce_tf.training.config import TrainConfig
from lce_tf.training.plan import plan_batch, plan_packed, plan_parts
from lce_tf.training.strategies import device_kind


class Parts(NamedTuple):
    """The parts of a training that both layouts need."""

    config: TrainConfig
    layout: str
    sampler: GroupSampler
    packer: Packer
    strategy: Any
    model: Any
    objective: Any
    optimizer: Any

    @property
    def replicas(self) -> int:
        """Number of replicas, on all machines."""
        return self.strategy.num_replicas_in_sync

    @property
    def of_step(self) -> tuple:
        """The first arguments of a `Step`."""
        return self.strategy, self.model, self.objective, self.optimizer, self.config.seed


def sliced(parts: Parts, replicas_here: int):
    """Batches in slices, and their `SlicedStep`.

    Args:
        replicas_here: number of replicas on this machine; its CPU devices share its memory.
    """
    from lce_tf.training.sliced_step import SlicedStep

    config = parts.config
    batches = TrainingBatches(parts.sampler, parts.packer, plan_batch(config, parts.replicas), parts.replicas)
    slices = plan_parts(config, batches, parts.model, replicas_here)
    return batches, SlicedStep(*parts.of_step, slices, config.xla, config.clip_norm)


def packed(parts: Parts, replicas_here: int):
    """Batches in packed rows, and their `PackedStep`; the arguments are those of `sliced`."""
    from lce_tf.model.packed import PackedModel
    from lce_tf.training.packed_step import PackedStep

    config = parts.config
    batches = plan_packed(config, parts.layout, parts.sampler, parts.packer, parts.model, parts.replicas)
    model = PackedModel(parts.model, batches.shape.width, kernels=parts.layout == "flat")
    return batches, PackedStep(*parts.of_step, model, config.xla or device_kind() == "gpu", config.clip_norm)


def said_of(layout: str, batches: PackedBatches) -> str:
    """One line about packed batches: parts, sizes, and the share of real wordpieces."""
    sizes = ", ".join(map(str, batches.shape.sizes))
    return (
        f"layout {layout}: {batches.shape.parts} part(s) of {sizes} wordpieces, {batches.efficiency():.1%} of them real"
    )
