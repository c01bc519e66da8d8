"""`LossFacts`, the attributes that describe a loss, which can be read without importing TensorFlow."""

from collections.abc import Mapping
from typing import Any


class LossFacts:
    """Attributes that a loss sets in its class body, as literals, and their defaults.

    Attributes:
        key: the name after `--loss`; a class outside this package is named by its class path instead.
        help: one line for `lce list losses`.
        outputs: minimum number of logits per pair that the model's head must give. Losses over scores read the last.
        pairs: True if every training example is a single labelled pair (group size 1) rather than a group with its
            positive in column 0.
        teacher: True if the labels are a teacher's scores of the passages.
        grades: True if the labels are the judgments' grades; several passages of a group may have a grade above 0. A
            loss with both `teacher` and `grades` uses a teacher's scores if there is a teacher, and grades otherwise.
        classes: True if `RankingLoss.log_shares` gives a distribution over classes for each passage, not one over the
            group's passages, so that R-Drop has something to compare in groups of one.
        least_group: smallest group size that the loss can learn from.
        options: name -> keywords of `lce_tf.foundation.settings.setting` (default, help, bounds, choices), for each
            number or word that `--loss-options` may set. The layer has them as fields of `self.option`.
    """

    key: str = ""
    help: str = ""
    outputs: int = 1
    pairs: bool = False
    teacher: bool = False
    grades: bool = False
    classes: bool = False
    least_group: int = 1
    options: Mapping[str, Mapping[str, Any]] = {}
