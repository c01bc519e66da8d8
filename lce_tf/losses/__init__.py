"""Training losses as pluggable Keras layers: `LOSSES["lce"]()`."""

from lce_tf.losses.base import RankingLoss
from lce_tf.losses.cross_entropy import CrossEntropyLoss
from lce_tf.losses.hinge import HingeLoss
from lce_tf.losses.lce import LCELoss
from lce_tf.losses.margin_mse import MarginMSELoss
from lce_tf.losses.ranknet import RankNetLoss

LOSSES: dict[str, type[RankingLoss]] = {
    "ce": CrossEntropyLoss,
    "hinge": HingeLoss,
    "lce": LCELoss,
    "margin-mse": MarginMSELoss,
    "ranknet": RankNetLoss,
}

__all__ = ["LOSSES", "CrossEntropyLoss", "HingeLoss", "LCELoss", "MarginMSELoss", "RankNetLoss", "RankingLoss"]
