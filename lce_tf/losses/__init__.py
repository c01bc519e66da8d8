"""Training losses as pluggable Keras layers, one a file: `LOSSES["lce"]()`."""

from lce_tf.losses.facts import LossFacts
from lce_tf.registry import Registry

LOSSES = Registry("lce_tf.losses", "--loss", LossFacts, "lce_tf.losses.base.RankingLoss")
