"""A training's folder: what tells that it has begun and finished, and what it says."""

import pytest

from lce_tf.errors import UserError
from lce_tf.foundation.disk import KEY, TRAINING
from lce_tf.foundation.files import write_json
from lce_tf.foundation.training_folder import TrainingFolder


def test_a_folder_from_nothing_to_a_finished_training(tmp_path):
    here = TrainingFolder(tmp_path)
    assert not here.begun and not here.finished and here.figures() == []
    TRAINING.write(here.manifest, {"config": {"loss": "lce"}})
    assert here.begun and not here.finished and here.facts() == {"config": {"loss": "lce"}}
    here.metrics.write_text('{"step": 20, "loss": 1.5}\n{"step": 40, "lo')
    assert here.figures() == [{"step": 20, "loss": 1.5}]
    write_json(tmp_path / "config.json", {})
    assert here.finished


def test_a_later_version_s_training_is_one_line(tmp_path):
    here = TrainingFolder(tmp_path)
    write_json(here.manifest, {"config": {}, KEY: 99})
    with pytest.raises(UserError, match="manifest.json: is a training's manifest of version 99"):
        here.facts()
