"""What a loss states about itself, readable without TensorFlow."""

from collections.abc import Mapping
from typing import Any


class LossFacts:
    """Attributes that a loss sets in its class body, as literals, and their defaults.

    Attributes:
        key: the name after `--loss`; a class outside this package is named by its class path instead.
        help: one line for `lce list losses`.
        outputs: logits a pair that the model's head must give at least; losses over scores read the last.
        pairs: True where every training example is a single labelled pair (group size 1) rather than a group
            with its positive in column 0.
        teacher: True where the labels are a teacher's scores of the same passages.
        grades: True where the labels are the judgments' grades, of which several in a group may be above 0. A loss
            with both takes a teacher's scores if a teacher is given, and grades if none is.
        least_group: smallest group that it can learn from.
        options: name -> keywords of `lce_tf.foundation.settings.setting` (default, help, bounds, choices), for each
            number or word that `--loss-options` may set. The layer has them as fields of `self.option`.
    """

    key: str = ""
    help: str = ""
    outputs: int = 1
    pairs: bool = False
    teacher: bool = False
    grades: bool = False
    least_group: int = 1
    options: Mapping[str, Mapping[str, Any]] = {}

    @classmethod
    def blind(cls, members: int) -> float:
        """The loss of a model that gives all passages of a group the same score; 0 where that cannot be said."""
        return 0.0
