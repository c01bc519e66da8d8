"""One training step: exact loss over the whole batch, forward passes over its length-sorted slices."""

import itertools
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import tensorflow as tf
import tf_keras as keras

from lce_tf.data.draws import draw
from lce_tf.losses.base import RankingLoss
from lce_tf.model.cross_encoder import CrossEncoder
from lce_tf.training.optimizers import clipped
from lce_tf.training.windows import best_window_logits

# Dropout places per forward pass are fewer than this, so slices and replicas never share a mask.
PLACES = 1024


class Taken(NamedTuple):
    """Figures of a step: float32 scalars, except `stops`; equal on every process.

    Attributes:
        loss: mean over the global batch.
        norm: global norm of the gradient, before it is clipped. If it is not finite, the update is skipped: weights
            stay, Adam's moments decay or stay.
        spread: mean over groups of (max - min) score; for single pairs, max - min over the replica's batch.
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


class TrainingStep:
    """Applies one optimiser step to a model under a distribution strategy.

    The loss of a group needs the scores of all its members, but each score depends on its own pair only. So a batch of
    any size can be trained in the memory of a part of it:

    1. All parts but the last are scored without keeping activations.
    2. The exact loss is differentiated by the scores, and for the last part by the weights.
    3. Each earlier part is computed again with the same dropout masks and differentiated by the weights, given the
       derivatives of its scores.

    The gradient is the same. The work is at most a third more.

    Args:
        groups: global batch size, over all replicas: what losses are averaged over.
        seed: of the dropout masks, which are a pure function of (seed, step, replica, slice).
        parts: how many slices each part has; None: all are one part, and nothing is computed twice.
        windows: windows a passage in the batches, of which the best is its score.
        r_drop: weight of R-Drop, see `TrainConfig`; with it, `parts` covers all slices twice, one mask after the other.
        xla: whether XLA compiles the passes over slices, at each shape anew.
        clip_norm: largest global norm of the gradients that the optimiser gets; 0: any.
    """

    def __init__(
        self,
        strategy,
        model: CrossEncoder,
        loss: RankingLoss,
        optimizer,
        groups: int,
        seed: int,
        parts: Sequence[int] | None = None,
        windows: int = 1,
        r_drop: float = 0.0,
        xla: bool = False,
        clip_norm: float = 0.0,
    ):
        self.strategy, self.model, self.loss, self.optimizer = strategy, model, loss, optimizer
        self.groups, self.seed, self.parts, self.windows = groups, seed, parts, windows
        self.r_drop, self.clip_norm = r_drop, clip_norm
        # A slice's pass is traced once and called for each slice; lengths differ, so the shape stays open.
        packed = [tf.TensorSpec([None, None], tf.int32), *[tf.TensorSpec([None], tf.int32)] * 2]
        compiled = {"jit_compile": True} if xla else {}
        self._forward = tf.function(model.logits, input_signature=[*packed, tf.TensorSpec([2], tf.int32)], **compiled)
        # Inlined into a loop, sums of a weight's gradients would become temporary variables, which iterations share.
        self._replay = tf.function(self._differentiated, experimental_attributes={"_noinline": True}, **compiled)

    def step_seed(self, step: int) -> tf.Tensor:
        """The step's part of the dropout seed, an int32."""
        return tf.constant(int(draw(self.seed, 4, step) >> 33), tf.int32)

    @tf.function
    def __call__(self, feed, step_seed, stop=False):
        """Takes one step on the next batch of a distributed iterator over `TrainingBatches.dataset`.

        The iterator is read in here because its element's lengths are open: a batch passed in would be traced
        again for every combination of lengths.

        Args:
            stop: whether this process was asked to stop.
        """
        taken = self.strategy.run(self._replica_step, args=(next(feed), step_seed, stop))
        return Taken(*(self.strategy.experimental_local_results(value)[0] for value in taken))

    def _replica_step(self, batch, step_seed, stop):
        context = tf.distribute.get_replica_context()
        variables = self.model.trainable_variables
        labels, order, *packed = batch
        slices = self._slices(packed, step_seed, context.replica_id_in_sync_group)
        scale = tf.convert_to_tensor(self.optimizer.loss_scale) if self.scales else tf.constant(1.0)
        wordpieces = tf.add_n([tf.reduce_sum(tf.cast(lengths, tf.float32)) for lengths in packed[2::3]])
        loss, spread, gradients = self._differentiate(labels, order, slices)
        if self.scales:
            gradients = self.optimizer.get_unscaled_gradients(gradients)
        # All that replicas tell each other goes in one call; loss and spread were divided by the global batch already.
        told = [*gradients, loss, spread, tf.cast(stop, tf.float32)]
        *gradients, loss, spread, stops = context.all_reduce("SUM", told)
        norm = tf.linalg.global_norm(gradients)
        gradients = clipped(gradients, norm, self.clip_norm)
        if not self.scales:
            # One gradient that is not finite would turn every weight into NaN; loss scaling skips such steps itself.
            gradients = tf.cond(
                tf.math.is_finite(norm), lambda: gradients, lambda: [tf.zeros_like(part) for part in gradients]
            )
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True), experimental_aggregate_gradients=False)
        return loss, norm, spread, stops > 0, scale, wordpieces

    @property
    def scales(self) -> bool:
        """Whether the optimiser scales the loss, and skips steps whose gradients overflow."""
        return isinstance(self.optimizer, keras.mixed_precision.LossScaleOptimizer)

    def _slices(self, packed, step_seed, replica) -> list[tuple]:
        """(input_ids, query_lengths, lengths, seed) of each slice; with R-Drop, of all of them twice."""
        slices = [packed[i : i + 3] for i in range(0, len(packed), 3)] * (2 if self.r_drop else 1)
        places = [tf.cast((replica * len(slices) + i) * PLACES, tf.int32) for i in range(len(slices))]
        return [(*part, tf.stack([step_seed, place])) for part, place in zip(slices, places, strict=True)]

    def _differentiate(self, labels, order, slices):
        """Loss, spread and gradients, with the activations of one part at a time."""
        *counts, _ = self.parts or [len(slices)]
        earlier, last = slices[: sum(counts)], slices[sum(counts) :]
        scored = self._scored(earlier)
        with tf.control_dependencies(scored), tf.GradientTape() as tape:
            tape.watch(scored)
            logits = tf.concat([*scored, *(self._forward(*piece) for piece in last)], axis=0)
            loss, scaled, spread = self._loss(logits, labels, order)
        gradients, upstream = tape.gradient(scaled, [self.model.trainable_variables, scored])
        gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
        if earlier:
            sizes = [tf.size(lengths) for _, _, lengths, _ in earlier]
            gradients = self._replayed(gradients, counts, earlier, tf.split(*upstream, sizes))
        return loss, spread, gradients

    def _scored(self, slices) -> list[tf.Tensor]:
        """The logits of all slices in one tensor, if there are any, computed one slice after the other."""
        if not slices:
            return []
        queue = _Queue(slices)

        def score(i, logits):
            return i + 1, logits.write(i, self._forward(*queue.at(i)))

        empty = _array(tf.float32, len(slices), [queue.pairs, self.model.scoring.outputs])
        _, logits = tf.while_loop(lambda i, _: i < len(slices), score, (0, empty), parallel_iterations=1)
        return [logits.concat()]

    def _replayed(self, gradients, counts, slices, upstream):
        """`gradients` and those of the slices, computed again part by part, given the derivatives of their logits."""
        queue, first = _Queue([(*piece, given) for piece, given in zip(slices, upstream, strict=True)]), 0
        for count, alike in itertools.groupby(counts):
            end = first + count * len(list(alike))

            def part(i, *sums, count=count):
                return i + count, *self._replay([queue.at(i + k) for k in range(count)], sums)

            # Its first pass needs no gradients yet, but must wait until those before have done with their memory.
            with tf.control_dependencies(gradients):
                _, *gradients = tf.while_loop(
                    lambda i, *_, end=end: i < end, part, (first, *gradients), parallel_iterations=1
                )
            first = end
        return gradients

    def _differentiated(self, part, sums):
        """`sums` and the weights' gradients of a part, whose pieces end in the derivatives of their logits."""
        with tf.GradientTape() as tape:
            logits = [self.model.logits(*piece) for *piece, _ in part]
        upstream = [given for *_, given in part]
        gradients = tape.gradient(logits, self.model.trainable_variables, output_gradients=upstream)
        return [_plus(*both) for both in zip(sums, gradients, strict=True)]

    def _loss(self, logits, labels, order):
        """The replica's part of the global loss, that times the loss scale, and its part of the spread."""
        masked = [
            tf.reshape(
                best_window_logits(part, order, self.windows, self.model.scoring),
                [-1, labels.shape[1], self.model.scoring.outputs],
            )
            for part in tf.split(logits, 2 if self.r_drop else 1)
        ]
        losses = tf.add_n([self.loss(part, labels) for part in masked]) / len(masked)
        if self.r_drop:
            losses += self.r_drop / 4 * divergence(*map(self.loss.log_shares, masked))
        loss = tf.reduce_sum(losses) / self.groups
        spread = spread_of(self.model.scoring.score(masked[0])) * (labels.shape[0] / self.groups)
        return loss, self.optimizer.get_scaled_loss(loss) if self.scales else loss, spread


def spread_of(scores: tf.Tensor) -> tf.Tensor:
    """Mean over groups of (max - min) of the scores [groups, members]; for groups of one, max - min over all."""
    scores = tf.cast(scores if scores.shape[1] > 1 else tf.transpose(scores), tf.float32)
    return tf.reduce_mean(tf.reduce_max(scores, axis=1) - tf.reduce_min(scores, axis=1))


def divergence(p: tf.Tensor, q: tf.Tensor) -> tf.Tensor:
    """[queries] KL(p || q) + KL(q || p) of shares given as logarithms [queries, shares]."""
    return tf.reduce_sum((tf.exp(p) - tf.exp(q)) * (p - q), axis=-1)


class _Queue:
    """Slices behind one another for a loop to take: a graph that named each would grow with the batch.

    Args:
        slices: tuples of tensors, alike but for the lengths of their axes.

    Attributes:
        pairs: in each slice, if that is the same in all.
    """

    def __init__(self, slices: Sequence[tuple[tf.Tensor, ...]]):
        self._columns = [_filled(column) for column in zip(*slices, strict=True)]
        self.pairs = _common(lengths.shape for _, _, lengths, *_ in slices)[0]

    def at(self, i) -> list[tf.Tensor]:
        """The tensors of slice i."""
        return [column.read(i) for column in self._columns]


def _filled(tensors: Sequence[tf.Tensor]) -> tf.TensorArray:
    array = _array(tensors[0].dtype, len(tensors), _common(tensor.shape for tensor in tensors))
    for i, tensor in enumerate(tensors):
        array = array.write(i, tensor)
    return array


def _array(dtype, size: int, shape) -> tf.TensorArray:
    return tf.TensorArray(dtype, size, element_shape=shape, infer_shape=False, clear_after_read=False)


def _common(shapes: Iterable[tf.TensorShape]) -> list[int | None]:
    """The length of each axis where it is the same in all."""
    return [axis[0] if len(set(axis)) == 1 else None for axis in zip(*map(tuple, shapes), strict=True)]


def _plus(total: tf.Tensor, gradient) -> tf.Tensor:
    """Their sum; an embedding's gradient is rows, which are added where they belong without making it dense."""
    if isinstance(gradient, tf.IndexedSlices):
        return tf.tensor_scatter_nd_add(total, gradient.indices[:, None], gradient.values)
    return total + gradient
