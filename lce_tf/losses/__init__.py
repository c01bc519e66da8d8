"""Training losses as pluggable Keras layers: `LOSSES["lce"]()`."""

from lce_tf.losses.base import RankingLoss
from lce_tf.losses.cross_entropy import CrossEntropyLoss
from lce_tf.losses.hinge import HingeLoss
from lce_tf.losses.lce import LCELoss

LOSSES: dict[str, type[RankingLoss]] = {"ce": CrossEntropyLoss, "hinge": HingeLoss, "lce": LCELoss}

__all__ = ["LOSSES", "CrossEntropyLoss", "HingeLoss", "LCELoss", "RankingLoss"]
