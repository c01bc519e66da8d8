"""What the training steps of both layouts share, and the figures that a step returns."""

import abc
from typing import NamedTuple

import tensorflow as tf

from lce_tf.model.cross_encoder import CrossEncoder
from lce_tf.training.objective import Objective
from lce_tf.training.update import AdamUpdate


class Taken(NamedTuple):
    """Figures of a step: float32 scalars, except `stops`; equal on every process.

    Attributes:
        loss: mean over the global batch.
        norm: global norm of the gradient, before it is clipped. If it is not finite, the step changed no weight.
        spread: mean over groups of (max - min) score; for single pairs, max - min over those that are computed at once.
        stops: whether any of the processes was asked to stop.
        scale: what the loss was multiplied by, 1 without loss scaling.
        wordpieces: of the pairs that the first replica computed, without padding.
    """

    loss: tf.Tensor
    norm: tf.Tensor
    spread: tf.Tensor
    stops: tf.Tensor
    scale: tf.Tensor
    wordpieces: tf.Tensor

    def read(self) -> "Taken":
        """The figures as floats, copied from the device at once."""
        return Taken(*tf.stack([tf.cast(figure, tf.float32) for figure in self]).numpy().tolist())


class Step(abc.ABC):
    """Applies one optimiser step to a model under a distribution strategy.

    The loss of a group needs the scores of all its members, but each score depends on its own pair only. So a batch of
    any size can be trained in the memory of a part of it: its parts are scored without keeping activations, the exact
    loss is differentiated by the scores, and each part is computed again with the same dropout masks and differentiated
    by the weights, given the derivatives of its scores. The gradient is the same; the work is at most a third more. In
    the packed layout no work is added where groups fit into parts: the gradients of whole groups are summed.

    Subclasses are the layouts: `SlicedStep` and `PackedStep`. They define `__call__` and `_replica_step`.

    Args:
        update: changes the weights, given their gradients.
    """

    def __init__(self, strategy, model: CrossEncoder, objective: Objective, update: AdamUpdate):
        self.strategy, self.model, self.objective, self.update = strategy, model, objective, update

    @abc.abstractmethod
    def __call__(self, feed, stop: bool | None = None) -> Taken:
        """Takes a step on the next batch of `feed`.

        Args:
            feed: a distributed iterator over the dataset of the layout's `Batches`, at this step.
            stop: whether this process was asked to stop, if several processes tell each other; else None.
        """

    def _on_replicas(self, *given) -> Taken:
        """The step on every replica, each with its share of the batch, and the first one's figures."""
        taken = self.strategy.run(self._replica_step, args=given)
        return Taken(*(self.strategy.experimental_local_results(value)[0] for value in taken))

    @abc.abstractmethod
    def _replica_step(self, *given) -> tuple[tf.Tensor, ...]:
        """The step on one replica, in its context: the values of `Taken`."""

    def _all_reduced(self, gradients, loss, spread, stop):
        """(gradients, loss, spread, whether any replica stops), summed over the replicas in a single call.

        Loss and spread have been divided by the global batch already.
        """
        parts = [*gradients, loss, spread, tf.cast(stop, tf.float32)]
        *gradients, loss, spread, stops = tf.distribute.get_replica_context().all_reduce("SUM", parts)
        return gradients, loss, spread, stops > 0
