"""Builds the batches and the training step of each layout."""

from typing import Any, NamedTuple

from lce_tf.groups.packed import PackedBatches
from lce_tf.groups.pipeline import TrainingBatches
from lce_tf.groups.sampler import GroupSampler
from lce_tf.model.precision import device_kind
from lce_tf.tokens.packing import Packer
from lce_tf.training.config import TrainConfig
from lce_tf.training.plan import plan_batch, plan_packed, plan_parts


class Ingredients(NamedTuple):
    """What both layouts make their batches and steps of."""

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

    def of_step(self, in_program: bool) -> tuple:
        """The first arguments of a `Step`; see `AdamUpdate` for `in_program`."""
        from lce_tf.training.update import AdamUpdate

        variables = self.model.trainable_variables
        update = AdamUpdate(self.optimizer, variables, self.config.clip_norm, in_program)
        return self.strategy, self.model, self.objective, update


def sliced(given: Ingredients, replicas_here: int):
    """Batches in slices, and their `SlicedStep`.

    Args:
        replicas_here: number of replicas on this machine; its CPU devices share its memory.
    """
    from lce_tf.training.sliced_step import SlicedStep

    config = given.config
    batches = TrainingBatches(given.sampler, given.packer, plan_batch(config, given.replicas), given.replicas)
    slices = plan_parts(config, batches, given.model, replicas_here)
    return batches, SlicedStep(*given.of_step(in_program=False), config.seed, slices, config.xla)


def packed(given: Ingredients, replicas_here: int):
    """Batches in packed rows, and their `PackedStep`; the arguments are those of `sliced`."""
    from lce_tf.model.packed import PackedModel
    from lce_tf.training.packed_step import PackedStep

    config = given.config
    batches = plan_packed(config, given.layout, given.sampler, given.packer, given.model, given.replicas)
    model = PackedModel(given.model, batches.shape.width, kernels=given.layout == "flat")
    return batches, PackedStep(*given.of_step(in_program=True), model, config.xla or device_kind() == "gpu")


def said_of(layout: str, batches: PackedBatches) -> str:
    """One line about packed batches: parts, sizes, and the share of real wordpieces."""
    sizes = ", ".join(map(str, batches.shape.sizes))
    return (
        f"layout {layout}: {batches.shape.parts} part(s) of {sizes} wordpieces, {batches.efficiency():.1%} of them real"
    )
