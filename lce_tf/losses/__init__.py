"""Training losses as Keras layers, one per file, looked up by name: `LOSSES["lce"]()`."""

from lce_tf.foundation.registry import Registry
from lce_tf.losses.facts import LossFacts

LOSSES = Registry("lce_tf.losses", "--loss", LossFacts, "lce_tf.losses.base.RankingLoss")
