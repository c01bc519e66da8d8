"""Training losses as pluggable Keras layers, one a file: `LOSSES["lce"]()`."""

from lce_tf.foundation.registry import Registry
from lce_tf.losses.facts import LossFacts

LOSSES = Registry("lce_tf.losses", "--loss", LossFacts, "lce_tf.losses.base.RankingLoss")
