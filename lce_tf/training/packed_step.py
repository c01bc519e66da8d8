"""The training step over packed rows: a single XLA program a batch shape, from token ids to changed weights."""

import time
from collections.abc import Sequence

import tensorflow as tf

from lce_tf.groups.pipeline import Batch
from lce_tf.model.cross_encoder import CrossEncoder
from lce_tf.model.packed import PackedModel
from lce_tf.tokens.rows import PackedPairs
from lce_tf.training.objective import Objective
from lce_tf.training.step import Step, Taken
from lce_tf.training.update import AdamUpdate


class PackedStep(Step):
    """Takes steps on batches of `PackedBatches`.

    Args:
        packed: the model over packed rows.
        whole: whether parts have whole groups, see `PackedBatches`.
        xla: whether XLA compiles the step; a TPU compiles it by itself.

    Attributes:
        programs: how often the step was traced, once for each size of batch and replica.
        waited: seconds spent waiting for batches.
    """

    def __init__(
        self,
        strategy,
        model: CrossEncoder,
        objective: Objective,
        update: AdamUpdate,
        packed: PackedModel,
        whole: bool,
        xla: bool = True,
    ):
        super().__init__(strategy, model, objective, update)
        self.packed, self.whole = packed, whole
        self.programs, self.waited = 0, 0.0
        compiled = {"jit_compile": True} if xla else {}
        # With one replica nothing happens between gradients and update, so both are one program.
        self._alone = tf.function(self._gradients_and_update, autograph=False, **compiled)
        self._gradients = tf.function(self._differentiated, autograph=False, **compiled)
        self._updated = tf.function(lambda *gradients: self.update(gradients), autograph=False, **compiled)

    def __call__(self, feed, stop: bool | None = None) -> Taken:
        """See `Step`.

        Nothing is copied to the device here if `stop` is None: a copy would wait for all steps that were started.
        """
        start = time.monotonic()
        batch = next(feed)
        self.waited += time.monotonic() - start
        return self._run(batch) if stop is None else self._run(batch, tf.constant(stop))

    @tf.function(autograph=False)
    def _run(self, batch, stop=None):
        return self._on_replicas(batch, tf.constant(False) if stop is None else stop)

    def _replica_step(self, batch: Batch, stop):
        self.programs += 1
        scale, wordpieces = self.update.scale, tf.reduce_sum(tf.cast(batch.pairs.lengths, tf.float32))
        if self.strategy.num_replicas_in_sync == 1:
            return *self._alone(batch), stop, scale, wordpieces
        loss, spread, *gradients = self._gradients(batch)
        gradients = [tf.cast(part, tf.float32) for part in gradients]
        gradients, loss, spread, stops = self._all_reduced(gradients, loss, spread, stop)
        return loss, self._updated(*gradients), spread, stops, scale, wordpieces

    def _gradients_and_update(self, batch: Batch):
        loss, spread, *gradients = self._differentiated(batch)
        return loss, self.update(gradients), spread

    def _differentiated(self, batch: Batch):
        """Loss, spread and the scaled loss's gradients; those of products stay in the compute dtype."""
        labels, *whole = batch
        order, pairs, step_seed = tf.nest.map_structure(lambda part: tf.cast(part, tf.int32), whole)
        seeds = [tf.stack([step_seed, tf.constant(mask)]) for mask in range(self.objective.masks)]
        parts = pairs.input_ids.shape[0]
        if parts == 1:
            return self._of_groups(_part(pairs, 0), labels, order, seeds)
        if self.whole:
            return self._of_parts(parts, pairs, labels, order, seeds)
        scored = [self._scored(pairs, parts, seed) for seed in seeds]
        with tf.GradientTape() as tape:
            tape.watch(scored)
            loss, spread = self.objective(scored, labels, order)
            scaled = loss * self.update.scale
        upstream = tape.gradient(scaled, scored)
        sums = [tf.zeros(variable.shape) for variable in self.model.trainable_variables]
        for seed, given in zip(seeds, upstream, strict=True):
            sums = self._replayed(pairs, parts, seed, tf.reshape(given, [parts, -1, given.shape[-1]]), sums)
        return loss, spread, *sums

    def _of_groups(self, pairs: PackedPairs, labels, order, seeds) -> tuple[tf.Tensor, ...]:
        """Loss, spread and gradients of groups that are computed at once."""
        with tf.GradientTape() as tape:
            logits = [self.packed.logits(pairs, seed) for seed in seeds]
            loss, spread = self.objective(logits, labels, order)
            scaled = loss * self.update.scale
        return loss, spread, *self._dense(tape.gradient(scaled, self.model.trainable_variables))

    def _of_parts(self, parts: int, pairs: PackedPairs, labels, order, seeds) -> list[tf.Tensor]:
        """Loss, spread and gradients of whole groups, summed part by part."""
        labels, order = tf.reshape(labels, [parts, -1, labels.shape[1]]), tf.reshape(order, [parts, -1])

        def add(i, *sums):
            rows = tf.where(order[i] < 0, -1, order[i] - i * order.shape[1])
            found = self._of_groups(_part(pairs, i), labels[i], rows, seeds)
            return i + 1, *(total + tf.cast(one, tf.float32) for total, one in zip(sums, found, strict=True))

        zeros = [
            tf.zeros(shape) for shape in ([], [], *(variable.shape for variable in self.model.trainable_variables))
        ]
        _, *sums = tf.while_loop(lambda i, *_: i < parts, add, (0, *zeros), parallel_iterations=1)
        return sums

    def _scored(self, pairs: PackedPairs, parts: int, seed) -> tf.Tensor:
        """[pairs, outputs] logits of all parts, one part after the other."""

        def score(i, logits):
            return i + 1, tf.tensor_scatter_nd_update(logits, [[i]], self.packed.logits(_part(pairs, i), seed)[None])

        empty = tf.zeros([parts, pairs.starts.shape[1], self.model.scoring.outputs])
        _, logits = tf.while_loop(lambda i, _: i < parts, score, (0, empty), parallel_iterations=1)
        return tf.reshape(logits, [-1, self.model.scoring.outputs])

    def _replayed(self, pairs: PackedPairs, parts: int, seed, upstream, sums: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """`sums` and the weights' gradients of every part, given the derivatives of its logits."""
        variables = self.model.trainable_variables

        def replay(i, *sums):
            part = _part(pairs, i)
            with tf.GradientTape() as tape:
                logits = self.packed.logits(part, seed)
            gradients = self._dense(tape.gradient(logits, variables, output_gradients=upstream[i]))
            return i + 1, *(total + tf.cast(one, tf.float32) for total, one in zip(sums, gradients, strict=True))

        _, *sums = tf.while_loop(lambda i, *_: i < parts, replay, (0, *sums), parallel_iterations=1)
        return sums

    def _dense(self, gradients) -> list[tf.Tensor]:
        return [tf.convert_to_tensor(gradient) for gradient in gradients]


def _part(pairs: PackedPairs, i) -> PackedPairs:
    """Part i of a batch's pairs."""
    return PackedPairs(*(column[i] for column in pairs))
