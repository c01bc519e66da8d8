"""One training step over packed rows: a single XLA program a batch shape, from token ids to changed weights."""

import time
from collections.abc import Sequence

import tensorflow as tf

from lce_tf.data.draws import draw
from lce_tf.losses.base import RankingLoss
from lce_tf.model.cross_encoder import CrossEncoder
from lce_tf.model.packed import PackedModel, Tokens
from lce_tf.training.step import Taken, divergence, spread_of
from lce_tf.training.update import AdamUpdate
from lce_tf.training.windows import best_window_logits


class PackedStep:
    """Applies one optimiser step to a model under a distribution strategy, on batches of `PackedBatches`.

    The loss of a group needs the scores of all its members, but a score needs no other. So a batch of several parts
    is scored part by part without keeping activations, the exact loss is differentiated by the scores, and each part
    is computed again, with the same dropout masks, and differentiated by the weights given its scores' derivatives:
    any group size in the memory of one part, for a third more work.

    Args:
        groups: global batch size, over all replicas: what losses are averaged over.
        seed: of the dropout masks, which are a pure function of (seed, step, pair, position).
        packed: the model over packed rows.
        windows: windows a passage, of which the best is its score.
        r_drop: weight of R-Drop, see `TrainConfig`.
        xla: whether XLA compiles the step; a TPU compiles it by itself.
        clip_norm: largest global norm of the gradients that Adam gets; 0: any.

    Attributes:
        programs: how often the step was traced, once for each size of batch and replica.
        waited: seconds spent waiting for batches.
    """

    def __init__(
        self,
        strategy,
        model: CrossEncoder,
        loss: RankingLoss,
        optimizer,
        groups: int,
        seed: int,
        packed: PackedModel,
        windows: int = 1,
        r_drop: float = 0.0,
        xla: bool = True,
        clip_norm: float = 0.0,
    ):
        self.strategy, self.model, self.loss, self.optimizer = strategy, model, loss, optimizer
        self.groups, self.seed, self.packed, self.windows = groups, seed, packed, windows
        self.masks, self.r_drop = (2 if r_drop else 1), r_drop
        self.programs, self.waited = 0, 0.0
        self.update = AdamUpdate(optimizer, model.trainable_variables, clip_norm)
        compiled = {"jit_compile": True} if xla else {}
        # With one replica nothing happens between gradients and update, so both are one program.
        self._alone = tf.function(self._gradients_and_update, autograph=False, **compiled)
        self._gradients = tf.function(self._differentiated, autograph=False, **compiled)
        self._updated = tf.function(lambda *gradients: self.update(gradients), autograph=False, **compiled)

    @property
    def scales(self) -> bool:
        """Whether the optimiser scales the loss, and skips steps whose gradients overflow."""
        return self.update.scales

    def step_seed(self, step: int) -> tf.Tensor:
        """The step's part of the dropout seed, an int32."""
        return tf.constant(int(draw(self.seed, 4, step) >> 33), tf.int32)

    def __call__(self, feed, step_seed, stop=False) -> Taken:
        """Takes one step on the next batch of a distributed iterator over `PackedBatches.dataset`.

        Args:
            stop: whether this process was asked to stop.
        """
        start = time.monotonic()
        batch = next(feed)
        self.waited += time.monotonic() - start
        return self._run(batch, step_seed, tf.convert_to_tensor(stop))

    @tf.function(autograph=False)
    def _run(self, batch, step_seed, stop):
        taken = self.strategy.run(self._replica_step, args=(batch, step_seed, stop))
        return Taken(*(self.strategy.experimental_local_results(value)[0] for value in taken))

    def _replica_step(self, batch, step_seed, stop):
        self.programs += 1
        scale, wordpieces = self.update.scale, tf.reduce_sum(tf.cast(batch[-2], tf.float32))
        if self.strategy.num_replicas_in_sync == 1:
            return *self._alone(batch, step_seed), stop, scale, wordpieces
        loss, spread, *gradients = self._gradients(batch, step_seed)
        # All that replicas tell each other goes in one call; loss and spread were divided by the global batch already.
        told = [*(tf.cast(part, tf.float32) for part in gradients), loss, spread, tf.cast(stop, tf.float32)]
        *gradients, loss, spread, stops = tf.distribute.get_replica_context().all_reduce("SUM", told)
        return loss, self._updated(*gradients), spread, stops > 0, scale, wordpieces

    def _gradients_and_update(self, batch, step_seed):
        loss, spread, *gradients = self._differentiated(batch, step_seed)
        return loss, self.update(gradients), spread

    def _differentiated(self, batch, step_seed):
        """Loss, spread and the scaled loss's gradients; those of products stay in the compute dtype."""
        labels, order, *columns = batch
        parts = columns[0].shape[0]
        seeds = [tf.stack([step_seed, tf.constant(mask)]) for mask in range(self.masks)]
        if parts == 1:
            tokens = Tokens(*(column[0] for column in columns))
            with tf.GradientTape() as tape:
                logits = [self.packed.logits(tokens, seed) for seed in seeds]
                loss, scaled, spread = self._loss(logits, labels, order)
            return loss, spread, *self._dense(tape.gradient(scaled, self.model.trainable_variables))
        scored = [self._scored(columns, parts, seed) for seed in seeds]
        with tf.GradientTape() as tape:
            tape.watch(scored)
            loss, scaled, spread = self._loss(scored, labels, order)
        upstream = tape.gradient(scaled, scored)
        sums = [tf.zeros(variable.shape) for variable in self.model.trainable_variables]
        for seed, given in zip(seeds, upstream, strict=True):
            sums = self._replayed(columns, parts, seed, tf.reshape(given, [parts, -1, given.shape[-1]]), sums)
        return loss, spread, *sums

    def _scored(self, columns, parts: int, seed) -> tf.Tensor:
        """[pairs, outputs] logits of all parts, one part after the other."""

        def score(i, logits):
            tokens = Tokens(*(column[i] for column in columns))
            return i + 1, tf.tensor_scatter_nd_update(logits, [[i]], self.packed.logits(tokens, seed)[None])

        empty = tf.zeros([parts, columns[2].shape[1], self.model.scoring.outputs])
        _, logits = tf.while_loop(lambda i, _: i < parts, score, (0, empty), parallel_iterations=1)
        return tf.reshape(logits, [-1, self.model.scoring.outputs])

    def _replayed(self, columns, parts: int, seed, upstream, sums: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """`sums` and the weights' gradients of every part, given the derivatives of its logits."""
        variables = self.model.trainable_variables

        def replay(i, *sums):
            tokens = Tokens(*(column[i] for column in columns))
            with tf.GradientTape() as tape:
                logits = self.packed.logits(tokens, seed)
            gradients = self._dense(tape.gradient(logits, variables, output_gradients=upstream[i]))
            return i + 1, *(total + tf.cast(part, tf.float32) for total, part in zip(sums, gradients, strict=True))

        _, *sums = tf.while_loop(lambda i, *_: i < parts, replay, (0, *sums), parallel_iterations=1)
        return sums

    def _dense(self, gradients) -> list[tf.Tensor]:
        return [tf.convert_to_tensor(gradient) for gradient in gradients]

    def _loss(self, logits, labels, order):
        """The replica's part of the global loss, that times the loss scale, and its part of the spread."""
        scoring = self.model.scoring
        masked = [
            tf.reshape(best_window_logits(part, order, self.windows, scoring), [-1, labels.shape[1], scoring.outputs])
            for part in logits
        ]
        losses = tf.add_n([self.loss(part, labels) for part in masked]) / len(masked)
        if self.r_drop:
            losses += self.r_drop / 4 * divergence(*map(self.loss.log_shares, masked))
        loss = tf.reduce_sum(losses) / self.groups
        spread = spread_of(scoring.score(masked[0])) * (labels.shape[0] / self.groups)
        return loss, loss * self.update.scale, spread
