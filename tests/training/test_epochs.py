"""Epochs as steps: by hand, as the sampler takes the queries, and in a training that resumes."""

import json

import numpy as np
import pytest

from lce_tf.errors import UserError
from lce_tf.groups.sampler import GroupSampler
from lce_tf.training import epochs
from lce_tf.training.config import TrainConfig
from lce_tf.training.inputs import read_inputs
from lce_tf.training.job import train


def config(**settings):
    return TrainConfig("data", "run.trec", **settings)


@pytest.mark.parametrize(
    ("settings", "queries", "steps"),
    [
        ({"epochs": 2, "batch": 4}, 12, 6),
        ({"epochs": 0.5, "batch": 16}, 100, 4),  # 50 groups, of which the fourth step takes the last two and 14 more
        ({"epochs": 1.1, "batch": 11}, 10, 1),  # as float64, 1.1 x 10 is above 11
        ({"epochs": 0.001, "batch": 16}, 10, 1),
        ({"epochs": 3, "batch": 4, "loss": "ce"}, 10, 8),
        ({"epochs": 3, "batch": 4, "loss": "ce", "ce_pairs": "alternating"}, 10, 15),
        ({"epochs": 3, "batch": 4, "ce_pairs": "alternating"}, 10, 8),  # groups are not pairs
        ({"steps": 7}, 10, 7),
    ],
)
def test_the_steps_of_some_epochs(settings, queries, steps):
    found = epochs.resolved(config(**settings), queries)
    assert (found.steps, found.epochs) == (steps, None)
    assert epochs.resolved(found, queries) == found


@pytest.mark.parametrize("settings", [{}, {"loss": "ce"}, {"loss": "ce", "ce_pairs": "alternating"}])
def test_an_epoch_is_the_sampler_s(files, settings):
    training = files.config(**settings)
    pool = read_inputs(training).pool
    alternating, pairs = training.ce_pairs == "alternating", training.loss == "ce"
    sampler = GroupSampler(pool, training.members, 1, pairs=pairs, alternating=alternating)
    length = epochs.epoch_examples(training, len(pool))
    for epoch in range(3):
        seen = np.bincount(sampler.at(np.arange(epoch * length, (epoch + 1) * length)).query_rows)
        assert set(seen[seen > 0]) == {2 if alternating else 1} and (seen > 0).sum() == len(pool) == 12


@pytest.mark.parametrize(("steps", "every"), [(1000, 100), (15, 2), (6, 1), (1, 1)])
def test_a_dev_run_is_evaluated_every_tenth_of_the_steps(steps, every):
    assert epochs.resolved(config(steps=steps, dev_run="dev.trec"), 10).evaluate_every == every
    assert epochs.resolved(config(steps=steps), 10).evaluate_every == 0
    assert epochs.resolved(config(steps=steps, dev_run="dev.trec", evaluate_every=9), 10).evaluate_every == 9


def test_too_many_epochs_are_refused():
    with pytest.raises(UserError, match="--steps 62500000000: give a number below 2"):
        epochs.resolved(config(epochs=1e6), 1_000_000)


def test_the_line_at_the_start():
    said = "502,939 usable queries; steps: 31,433.69 an epoch, 300,000 in all; epochs: 9.54"
    assert epochs.summary(config(), 502_939) == said
    assert epochs.summary(config(steps=6, batch=4), 12) == "12 usable queries; steps: 3 an epoch, 6 in all; epochs: 2"


def test_a_training_of_epochs_is_one_of_steps(files, tmp_path, capsys):
    asked = files.config(epochs=0.7, log_every=1)  # 0.7 x 12 queries / 4 = 2.1
    folder = train(asked, tmp_path / "epochs")
    assert "12 usable queries; steps: 3 an epoch, 3 in all; epochs: 1\n" in capsys.readouterr().out
    recorded = json.loads((folder / "manifest.json").read_text())["config"]
    assert (recorded["steps"], recorded["epochs"]) == (3, None)
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == pytest.approx([1 / 3, 2 / 3, 1])
    # The rate has fallen to the last step's, so that the schedule knows the steps too.
    steps = train(files.config(steps=3, log_every=1), tmp_path / "steps")
    assert (steps / "model.safetensors").read_bytes() == (folder / "model.safetensors").read_bytes()
    assert train(asked, folder) == folder == train(files.config(steps=3, log_every=1), folder)
    with pytest.raises(UserError, match="steps is 3 there and 6 here"):
        train(files.config(epochs=2, log_every=1), folder)
