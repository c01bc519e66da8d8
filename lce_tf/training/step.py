"""One training step: exact loss over the whole batch, forward passes over its length-sorted slices."""

import tensorflow as tf
import tf_keras as keras

from lce_tf.data.draws import draw
from lce_tf.losses import RankingLoss
from lce_tf.model.cross_encoder import CrossEncoder
from lce_tf.model.precision import Precision

# Adam's constants are the paper's (Kingma and Ba) with Keras's epsilon, as the released code used.
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-7
# Dropout places per forward pass are fewer than this, so slices and replicas never share a mask.
PLACES = 1024


def make_optimizer(schedule, variables, precision: Precision):
    """Adam without weight decay or clipping, its moments made; mixed_float16 gets dynamic loss scaling.

    The "legacy" class is the one whose update is a single fused kernel per variable.
    """
    adam = keras.optimizers.legacy.Adam(schedule, beta_1=BETA_1, beta_2=BETA_2, epsilon=EPSILON)
    # Variables made within the first step would have it traced twice.
    adam._create_all_weights(variables)
    return keras.mixed_precision.LossScaleOptimizer(adam) if precision.name == "mixed_float16" else adam


class TrainingStep:
    """Applies one optimiser step to a model under a distribution strategy.

    Args:
        groups: global batch size, over all replicas: what losses are averaged over.
        seed: of the dropout masks, which are a pure function of (seed, step, replica, slice).
    """

    def __init__(self, strategy, model: CrossEncoder, loss: RankingLoss, optimizer, groups: int, seed: int):
        self.strategy, self.model, self.loss, self.optimizer = strategy, model, loss, optimizer
        self.groups, self.seed = groups, seed
        # A slice's pass is traced once and called for each slice; lengths differ, so the shape stays open.
        signature = [tf.TensorSpec([None, None], tf.int32), *[tf.TensorSpec([None], tf.int32)] * 2]
        self._forward = tf.function(model.logits, input_signature=[*signature, tf.TensorSpec([2], tf.int32)])

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
        with tf.GradientTape() as tape:
            loss = self._loss(batch, step_seed, context.replica_id_in_sync_group)
            scaled = self.optimizer.get_scaled_loss(loss) if self.scales else loss
        gradients = tape.gradient(scaled, variables)
        if self.scales:
            gradients = self.optimizer.get_unscaled_gradients(gradients)
        # Dense, because Adam's moments of the embeddings are dense anyway and the fused kernel wants them so.
        gradients = context.all_reduce("SUM", [tf.convert_to_tensor(g) for g in gradients])
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True), experimental_aggregate_gradients=False)
        return loss, tf.linalg.global_norm(gradients)

    @property
    def scales(self) -> bool:
        """Whether the optimiser scales the loss, and skips steps whose gradients overflow."""
        return isinstance(self.optimizer, keras.mixed_precision.LossScaleOptimizer)

    def _loss(self, batch, step_seed, replica):
        labels, order, *slices = batch
        parts = []
        count = len(slices) // 3
        for i in range(count):
            place = tf.cast((replica * count + i) * PLACES, tf.int32)
            parts.append(self._forward(*slices[3 * i : 3 * i + 3], tf.stack([step_seed, place])))
        logits = tf.gather(tf.concat(parts, axis=0), order)
        logits = tf.reshape(logits, [-1, labels.shape[1], self.model.outputs_])
        return tf.reduce_sum(self.loss(logits, labels)) / self.groups
