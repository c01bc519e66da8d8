"""What the trainings of several stages are told about the dev runs."""

from lce_tf.multistage.quality import trained_alone
from lce_tf.training.config import TrainConfig

TRAINING = {"dataset": "d", "run": "r.trec", "dev_run": "dev.trec", "dev_also": "d:dev:other.trec"}


def test_a_training_that_does_not_evaluate_is_told_of_no_dev_run():
    alone = trained_alone(TrainConfig(**TRAINING))
    assert (alone.dev_run, alone.dev_also) == (None, "")
    for asked in ({"evaluate_every": 5}, {"keep": "best"}, {"patience": 3}):
        evaluates = TrainConfig(**TRAINING, **asked)
        assert trained_alone(evaluates) == evaluates
