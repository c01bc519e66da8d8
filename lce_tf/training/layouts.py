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
    loss: Any
    optimizer: Any

    @property
    def replicas(self) -> int:
        """Number of replicas, on all machines."""
        return self.strategy.num_replicas_in_sync


def sliced(parts: Parts, replicas_here: int):
    """Batches in slices, and their `TrainingStep`.

    Args:
        replicas_here: number of replicas on this machine; its CPU devices share its memory.
    """
    from lce_tf.training.step import TrainingStep

    config = parts.config
    shape = plan_batch(config, parts.replicas)
    batches = TrainingBatches(parts.sampler, parts.packer, shape, parts.replicas)
    step = TrainingStep(
        parts.strategy,
        parts.model,
        parts.loss,
        parts.optimizer,
        config.batch,
        config.seed,
        plan_parts(config, batches, parts.model, replicas_here),
        shape.windows,
        config.r_drop,
        config.xla,
        config.clip_norm,
    )
    return batches, step


def packed(parts: Parts, replicas_here: int):
    """Batches in packed rows, and their `PackedStep`; the arguments are those of `sliced`."""
    from lce_tf.model.packed import PackedModel
    from lce_tf.training.packed_step import PackedStep

    config = parts.config
    batches = plan_packed(config, parts.layout, parts.sampler, parts.packer, parts.model, parts.replicas)
    step = PackedStep(
        parts.strategy,
        parts.model,
        parts.loss,
        parts.optimizer,
        config.batch,
        config.seed,
        PackedModel(parts.model, batches.shape.width, kernels=parts.layout == "flat"),
        batches.shape.windows,
        config.r_drop,
        xla=config.xla or device_kind() == "gpu",
        clip_norm=config.clip_norm,
    )
    return batches, step


def said_of(layout: str, batches: PackedBatches) -> str:
    """One line about packed batches: parts, sizes, and the share of real wordpieces."""
    sizes = ", ".join(map(str, batches.shape.sizes))
    return (
        f"layout {layout}: {batches.shape.parts} part(s) of {sizes} wordpieces, {batches.efficiency():.1%} of them real"
    )
