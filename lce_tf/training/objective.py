"""The training objective: one loss for a whole batch, from the logits of its pairs."""

from collections.abc import Sequence
from dataclasses import dataclass

import tensorflow as tf

from lce_tf.losses.base import RankingLoss
from lce_tf.model.config import Scoring
from lce_tf.training.config import TrainConfig


@dataclass(frozen=True, eq=False)
class Objective:
    """Computes the loss that a training step differentiates.

    Attributes:
        loss: loss layer over groups.
        scoring: how logits make a score.
        groups: global batch size, over all replicas: what losses are averaged over.
        windows: windows per passage, of which the one with the highest score counts (MaxP).
        r_drop: weight of R-Drop; above 0 the batch is scored under two dropout masks.
        counted: number of members per group that the loss counts: the positives and, of the negatives, those with the
            highest scores; 0: all members.
    """

    loss: RankingLoss
    scoring: Scoring
    groups: int
    windows: int = 1
    r_drop: float = 0.0
    counted: int = 0

    @classmethod
    def of(cls, config: TrainConfig, loss: RankingLoss) -> "Objective":
        """The objective that a configuration describes."""
        counted = config.counted if config.hardest else 0
        return cls(loss, config.scoring, config.batch, config.lengths.windows, config.r_drop, counted)

    @property
    def masks(self) -> int:
        """Number of dropout masks under which a batch is scored."""
        return 2 if self.r_drop else 1

    def __call__(self, logits: Sequence[tf.Tensor], labels: tf.Tensor, order: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """A replica's share of the global loss, and of the mean spread of scores; both are summed over replicas.

        Args:
            logits: for each dropout mask, [rows, outputs] float32 of the replica's pairs.
            labels: [groups, members] float32, as `RankingLoss.call` takes them.
            order: [groups * members * windows] int32 row of each pair, -1 for a window that a passage does not have.
        """
        grouped = [
            tf.reshape(
                best_window_logits(part, order, self.windows, self.scoring),
                [-1, labels.shape[1], self.scoring.outputs],
            )
            for part in logits
        ]
        spread = spread_of(self.scoring.score(grouped[0])) * (labels.shape[0] / self.groups)
        if self.counted:
            kept = hardest_members(self.scoring.score(grouped[0]), labels, self.counted)
            grouped = [tf.gather(part, kept, batch_dims=1) for part in grouped]
            labels = tf.gather(labels, kept, batch_dims=1)
        # Steps are traced without AutoGraph, since converting the model takes seconds; a user's loss may need it.
        loss = tf.function(self.loss)
        losses = tf.add_n([loss(part, labels) for part in grouped]) / len(grouped)
        if self.r_drop:
            # Half of equation 4 of Liang et al. 2021: the mean of two losses, and weight / 4 of both divergences.
            losses += self.r_drop / 4 * divergence(*map(self.loss.log_shares, grouped))
        return tf.reduce_sum(losses) / self.groups, spread


def best_window_logits(logits: tf.Tensor, order: tf.Tensor, windows: int, scoring: Scoring) -> tf.Tensor:
    """MaxP: each document's logits in the window that scores highest, the first of equal ones.

    The gradient reaches only that window, as with any maximum.

    Args:
        logits: [rows, outputs] float32.
        order: [documents * windows] int32 rows of the documents' windows, -1 for a window that a document does not
            have; its first is always there.
        windows: number of windows per document, missing ones included.
        scoring: how the logits make a score.

    Returns:
        [documents, outputs] float32.
    """
    if windows == 1:
        return tf.gather(logits, order)
    order = tf.reshape(order, [-1, windows])
    scores = scoring.score(tf.gather(tf.stop_gradient(logits), tf.maximum(order, 0)))
    best = tf.argmax(tf.where(order < 0, -float("inf"), scores), axis=1)
    return tf.gather(logits, tf.gather(order, best, batch_dims=1))


def spread_of(scores: tf.Tensor) -> tf.Tensor:
    """Mean over groups of (max - min) of the scores [groups, members]; for groups of one, max - min over all."""
    scores = tf.cast(scores if scores.shape[1] > 1 else tf.transpose(scores), tf.float32)
    return tf.reduce_mean(tf.reduce_max(scores, axis=1) - tf.reduce_min(scores, axis=1))


def divergence(p: tf.Tensor, q: tf.Tensor) -> tf.Tensor:
    """[queries] KL(p || q) + KL(q || p) of shares given as logarithms.

    Args:
        p, q: [queries, shares]; or [queries, passages, shares], of which the result is the mean over passages, as it is
            of their loss.
    """
    apart = tf.reduce_sum((tf.exp(p) - tf.exp(q)) * (p - q), axis=-1)
    return apart if apart.shape.rank == 1 else tf.reduce_mean(apart, axis=-1)


def hardest_members(scores: tf.Tensor, labels: tf.Tensor, count: int) -> tf.Tensor:
    """[groups, count] int32 members, in ascending order: all positives, then the negatives with the highest scores.

    Args:
        scores: [groups, members]; no gradient flows through the choice.
        labels: [groups, members], above 0 for positives, of which no group has more than `count`.
    """
    ranked = tf.where(labels > 0, float("inf"), tf.cast(tf.stop_gradient(scores), tf.float32))
    return tf.sort(tf.math.top_k(ranked, count).indices, axis=1)
