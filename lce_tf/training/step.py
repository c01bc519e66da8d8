"""One training step: exact loss over the whole batch, forward passes over its length-sorted slices."""

import tensorflow as tf
import tf_keras as keras

from lce_tf.data.draws import draw
from lce_tf.losses import RankingLoss
from lce_tf.model.cross_encoder import CrossEncoder

# Dropout places per forward pass are fewer than this, so slices and replicas never share a mask.
PLACES = 1024
APART = {"_noinline": True}


class TrainingStep:
    """Applies one optimiser step to a model under a distribution strategy.

    The loss of a group needs the scores of all its members, but a score needs no other: so a batch of any size can
    be trained on in the memory of one slice. Its slices are scored without keeping activations, the exact loss is
    differentiated by the scores, and each slice is then computed again, with the same dropout masks, and
    differentiated by the weights given its scores' derivatives. The gradient is the same for a third more work.

    Args:
        groups: global batch size, over all replicas: what losses are averaged over.
        seed: of the dropout masks, which are a pure function of (seed, step, replica, slice).
        replay: compute slices twice, in the memory of one, instead of keeping all their activations.
    """

    def __init__(
        self, strategy, model: CrossEncoder, loss: RankingLoss, optimizer, groups: int, seed: int, replay: bool = False
    ):
        self.strategy, self.model, self.loss, self.optimizer = strategy, model, loss, optimizer
        self.groups, self.seed, self.replay = groups, seed, replay
        # A slice's pass is traced once and called for each slice; lengths differ, so the shape stays open.
        packed = [tf.TensorSpec([None, None], tf.int32), *[tf.TensorSpec([None], tf.int32)] * 2]
        seeded = [*packed, tf.TensorSpec([2], tf.int32)]
        upstream = tf.TensorSpec([None, model.scoring.outputs], tf.float32)
        self._forward = tf.function(model.logits, input_signature=seeded)
        # Not inlined: a batch of a hundred slices would be a graph of a hundred models.
        self._score = tf.function(model.logits, input_signature=seeded, experimental_attributes=APART)
        self._replay = tf.function(
            self._differentiated, input_signature=[*seeded, upstream], experimental_attributes=APART
        )

    def step_seed(self, step: int) -> tf.Tensor:
        """The step's part of the dropout seed, an int32."""
        return tf.constant(int(draw(self.seed, 4, step) >> 33), tf.int32)

    @tf.function
    def __call__(self, feed, step_seed):
        """Takes one step on the next batch of a distributed iterator over `TrainingBatches.dataset`.

        The iterator is read in here because its element's lengths are open: a batch passed in would be traced
        again for every combination of lengths.

        Returns:
            The loss (mean over the global batch) and the norm of its gradient, float32 scalars.
        """
        loss, norm = self.strategy.run(self._replica_step, args=(next(feed), step_seed))
        # The loss was divided by the global batch already; the norm is the same on every replica.
        return self.strategy.reduce("SUM", loss, axis=None), self.strategy.reduce("MEAN", norm, axis=None)

    def _replica_step(self, batch, step_seed):
        context = tf.distribute.get_replica_context()
        variables = self.model.trainable_variables
        labels, order, *parts = batch
        slices = self._slices(parts, step_seed, context.replica_id_in_sync_group)
        loss, gradients = (self._in_one_slice if self.replay else self._at_once)(labels, order, slices)
        if self.scales:
            gradients = self.optimizer.get_unscaled_gradients(gradients)
        gradients = context.all_reduce("SUM", gradients)
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True), experimental_aggregate_gradients=False)
        return loss, tf.linalg.global_norm(gradients)

    @property
    def scales(self) -> bool:
        """Whether the optimiser scales the loss, and skips steps whose gradients overflow."""
        return isinstance(self.optimizer, keras.mixed_precision.LossScaleOptimizer)

    def _slices(self, parts, step_seed, replica) -> list[tuple]:
        """(input_ids, query_lengths, lengths, seed) of each slice."""
        count = len(parts) // 3
        places = [tf.cast((replica * count + i) * PLACES, tf.int32) for i in range(count)]
        return [(*parts[3 * i : 3 * i + 3], tf.stack([step_seed, place])) for i, place in enumerate(places)]

    def _at_once(self, labels, order, slices):
        """Loss and gradients with every slice's activations kept."""
        with tf.GradientTape() as tape:
            loss, scaled = self._loss(tf.concat([self._forward(*part) for part in slices], axis=0), labels, order)
        return loss, _dense(tape.gradient(scaled, self.model.trainable_variables))

    def _in_one_slice(self, labels, order, slices):
        """The same loss and gradients in the memory of one slice."""
        scored = []
        for part in slices:
            # One after the other: side by side they would need the memory of all.
            with tf.control_dependencies(scored[-1:]):
                scored.append(self._score(*part))
        logits = tf.concat(scored, axis=0)
        with tf.GradientTape() as tape:
            tape.watch(logits)
            loss, scaled = self._loss(logits, labels, order)
        upstream = tf.split(tape.gradient(scaled, logits), [tf.shape(part)[0] for part in scored], num=len(slices))
        total = None
        for part, derivatives in zip(slices, upstream, strict=True):
            with tf.control_dependencies(total[:1] if total else [loss]):
                gradients = self._replay(*part, derivatives)
            total = gradients if total is None else [a + b for a, b in zip(total, gradients, strict=True)]
        return loss, total

    def _differentiated(self, input_ids, query_lengths, lengths, seed, upstream):
        with tf.GradientTape() as tape:
            logits = self.model.logits(input_ids, query_lengths, lengths, seed)
        return _dense(tape.gradient(logits, self.model.trainable_variables, output_gradients=upstream))

    def _loss(self, logits, labels, order):
        """The replica's part of the global loss, and that times the loss scale."""
        logits = tf.reshape(tf.gather(logits, order), [-1, labels.shape[1], self.model.scoring.outputs])
        loss = tf.reduce_sum(self.loss(logits, labels)) / self.groups
        return loss, self.optimizer.get_scaled_loss(loss) if self.scales else loss


def _dense(gradients: list) -> list[tf.Tensor]:
    """Dense, because Adam's moments of the embeddings are dense anyway and its fused kernel wants them so."""
    return [tf.convert_to_tensor(gradient) for gradient in gradients]
