"""The small data set with a cross-encoder of four layers as a teacher."""

import pytest

from lce_tf.model import checkpoint
from lce_tf.model.config import Scoring
from lce_tf.model.precision import PRECISIONS
from lce_tf.tokens.lengths import Lengths
from tests.training.conftest import Files, make_backbone


class WithTeacher(Files):
    """The files of a training, and in `teacher` a cross-encoder of four layers that nothing was taught."""

    def __init__(self, folder):
        super().__init__(folder)
        deep, self.teacher = make_backbone(folder / "deep", num_hidden_layers=4), folder / "teacher"
        model = checkpoint.from_backbone(str(deep), Scoring(), PRECISIONS["float32"], 1)
        checkpoint.save(model, self.teacher, deep, Lengths(8, 32), {})


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """See `WithTeacher`."""
    return WithTeacher(tmp_path_factory.mktemp("multistage"))
