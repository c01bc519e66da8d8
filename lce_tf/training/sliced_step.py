"""The training step over slices: pairs of similar length, each slice padded to its longest."""

import contextlib
import functools
import itertools
from collections.abc import Iterable, Sequence

import tensorflow as tf

from lce_tf.groups.pipeline import Batch
from lce_tf.model.cross_encoder import CrossEncoder
from lce_tf.model.precision import device_kind
from lce_tf.model.tracing import unpadded
from lce_tf.training.objective import Objective
from lce_tf.training.step import Step, Taken
from lce_tf.training.update import AdamUpdate

# A forward pass has fewer dropout sites than this, so slices and replicas never share a mask.
SITES = 1024


class SlicedStep(Step):
    """Takes steps on batches of `SlicedBatches`.

    The last part of a batch is not computed twice: its gradient is taken together with that of the loss.

    Args:
        parts: how many slices each part has; None: all are one part, and nothing is computed twice. With R-Drop they
            cover all slices twice, one mask after the other.
        xla: whether XLA compiles the passes over slices, at each shape anew.

    Attributes:
        form: makes the context in which passes are traced, of `lce_tf.model.tracing`: without padding on a CPU, whose
            kernels take shapes as they come.
    """

    def __init__(
        self,
        strategy,
        model: CrossEncoder,
        objective: Objective,
        update: AdamUpdate,
        parts: Sequence[int] | None = None,
        xla: bool = False,
    ):
        super().__init__(strategy, model, objective, update)
        self.parts = parts
        # A slice's pass is traced once and called for each slice; lengths differ, so the shape stays open.
        packed = [tf.TensorSpec([None, None], tf.int32), *[tf.TensorSpec([None], tf.int32)] * 2]
        compiled = {"jit_compile": True} if xla else {}
        self.form = contextlib.nullcontext if xla or device_kind() != "cpu" else functools.partial(unpadded, model)
        self._forward = tf.function(self._logits, [*packed, tf.TensorSpec([2], tf.int32)], autograph=False, **compiled)
        # Inlined into a loop, sums of a weight's gradients would become temporary variables, which iterations share.
        apart = {"experimental_attributes": {"_noinline": True}}
        self._replay = tf.function(self._differentiated, autograph=False, **apart, **compiled)

    def __call__(self, feed, stop: bool | None = None) -> Taken:
        """See `Step`."""
        return self._taken(feed, tf.constant(bool(stop)))

    # The iterator is read in here because its element's lengths are open: a batch passed in would be traced again for
    # every combination of lengths.
    @tf.function(autograph=False)
    def _taken(self, feed, stop) -> Taken:
        return self._on_replicas(next(feed), stop)

    def _replica_step(self, batch: Batch, stop):
        slices = self._seeded(batch, tf.distribute.get_replica_context().replica_id_in_sync_group)
        scale = self.update.scale
        wordpieces = tf.add_n([tf.reduce_sum(tf.cast(one.lengths, tf.float32)) for one in batch.pairs])
        loss, spread, gradients = self._differentiate(batch.labels, batch.order, slices)
        gradients, loss, spread, stops = self._all_reduced(gradients, loss, spread, stop)
        return loss, self.update(gradients), spread, stops, scale, wordpieces

    def _seeded(self, batch: Batch, replica) -> list[tuple]:
        """(input_ids, type_0_lengths, lengths, seed) of each slice; of all of them once per dropout mask.

        Masks are a pure function of (seed, step, replica, slice).
        """
        slices = [*batch.pairs] * self.objective.masks
        first_sites = [tf.cast((replica * len(slices) + i) * SITES, tf.int32) for i in range(len(slices))]
        return [(*one, tf.stack([batch.dropout_seed, site])) for one, site in zip(slices, first_sites, strict=True)]

    def _differentiate(self, labels, order, slices):
        """Loss, spread and gradients, with the activations of one part at a time."""
        *counts, _ = self.parts or [len(slices)]
        earlier, last = slices[: sum(counts)], slices[sum(counts) :]
        scored = self._scored(earlier)
        with tf.control_dependencies(scored), tf.GradientTape() as tape:
            tape.watch(scored)
            logits = tf.concat([*scored, *(self._forward(*one) for one in last)], axis=0)
            loss, spread = self.objective(tf.split(logits, self.objective.masks), labels, order)
            scaled = loss * self.update.scale
        gradients, upstream = tape.gradient(scaled, [self.model.trainable_variables, scored])
        gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
        if earlier:
            sizes = [tf.size(lengths) for _, _, lengths, _ in earlier]
            gradients = self._replayed(gradients, counts, earlier, tf.split(*upstream, sizes))
        return loss, spread, gradients

    def _logits(self, *one) -> tf.Tensor:
        """[pairs, outputs] logits of a slice."""
        with self.form():
            return self.model.logits(*one)

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
        queue, first = _Queue([(*one, given) for one, given in zip(slices, upstream, strict=True)]), 0
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
        """`sums` and the weights' gradients of a part.

        Args:
            part: of each slice, (input_ids, type_0_lengths, lengths, seed, the loss's derivatives by its logits).
        """
        with tf.GradientTape() as tape:
            logits = [self._logits(*one) for *one, _ in part]
        upstream = [given for *_, given in part]
        gradients = tape.gradient(logits, self.model.trainable_variables, output_gradients=upstream)
        return [_plus(*both) for both in zip(sums, gradients, strict=True)]


class _Queue:
    """Slices in arrays from which a loop reads slice i; unrolled, the graph would hold the model once a slice.

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
