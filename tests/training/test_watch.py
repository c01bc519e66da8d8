"""Warnings about bad figures, and when they are printed."""

import math
from dataclasses import replace

import pytest

from lce_tf.training.config import TrainConfig
from lce_tf.training.watch import PATIENCE, WINDOW, Watch

CONFIG = TrainConfig(dataset="d", run="r", group=8, steps=1000, warmup=0.1)


@pytest.mark.parametrize(
    ("loss", "members", "expected"),
    [
        ("lce", 8, 2.0794415),
        ("lce", 2, 0.6931472),
        ("ce", 1, 0.6931472),
        ("hinge", 4, 1.0),
        ("ranknet", 4, 0.6931472),
        ("lce", 1, 0.0),
    ],
)
def test_the_loss_of_a_model_that_knows_nothing(loss, members, expected):
    from lce_tf.losses import LOSSES

    layer = LOSSES[loss]()
    logits, labels = [[[0.0] * layer.outputs] * members], [[1.0] + [0.0] * (members - 1)]
    assert layer.blind(members) == pytest.approx(expected)
    import tensorflow as tf

    assert float(layer(tf.constant(logits), tf.constant(labels))[0]) == pytest.approx(expected)


def warnings(watch, losses, spreads):
    told = (watch.warning(step, *figures) for step, figures in enumerate(zip(losses, spreads, strict=True), 1))
    return [line for line in told if line]


def test_a_training_that_goes_well_is_let_alone():
    falling = [math.log(8) * 0.99**step for step in range(1000)]
    assert warnings(Watch(CONFIG), falling, [0.5] * 1000) == []


def test_the_members_that_the_loss_counts_decide():
    watch = Watch(replace(CONFIG, hardest=1))
    (line,) = warnings(watch, [0.69] * 1000, [0.5] * 1000)
    assert "0.693" in line


def test_equal_scores_are_told_of_once():
    (line,) = warnings(Watch(CONFIG), [0.1] * 1000, [0.5] * 50 + [1e-7] * 950)
    assert line.startswith(f"warning: step {50 + WINDOW}: ") and "same score" in line and "--learning-rate" in line


def test_equal_scores_that_part_again_are_no_collapse():
    assert warnings(Watch(CONFIG), [0.1] * 1000, ([1e-7] * (WINDOW - 1) + [0.5]) * 10) == []


def test_a_loss_that_never_leaves_the_start_is_told_of_after_the_warm_up():
    (line,) = warnings(Watch(CONFIG), [2.07] * 1000, [0.5] * 1000)
    # 100 steps of warm-up, then as many as a collapse must last.
    assert line.startswith(f"warning: step {100 + WINDOW}: ") and "2.079" in line and "judgments" in line
    assert warnings(Watch(CONFIG), [2.05] * 1000, [0.5] * 1000) == []  # 0.99 times 2.079 is 2.059


def test_patience_counts_steps_in_a_row():
    watch = Watch(CONFIG)
    for _ in range(3):
        for _ in range(PATIENCE - 1):
            assert not watch.take(math.nan, math.nan, None) and not watch.gives_up
        assert watch.take(1.0, 1.0, None)
    for _ in range(PATIENCE):
        assert not watch.gives_up and not watch.take(1.0, math.inf, None)
    assert watch.gives_up and watch.skipped == 3 * (PATIENCE - 1) + PATIENCE
    watch.reset()
    assert watch.skipped == 0


def test_a_loss_scale_may_come_down_but_not_below_one():
    watch = Watch(CONFIG)
    assert watch.take(1.0, math.inf, 2.0**15) and watch.take(1.0, math.inf, 2.0) and watch.skipped == 2
    assert not watch.take(1.0, math.inf, 1.0) and not watch.take(math.nan, math.inf, 2.0**15)
