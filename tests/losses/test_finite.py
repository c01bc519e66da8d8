"""Every loss and its gradient are finite: at ties, at equal scores, at the largest scores of float16."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st

from lce_tf.losses import LOSSES
from tests.properties.fuzz import fuzzed

SCORES = st.sampled_from([0.0, 0.0, 1.0, 1.0, -1.0, 0.5, 1e-7, 30.0, -30.0, 65504.0, -65504.0])
LABELS = st.sampled_from([0.0, 0.0, 0.0, 1.0, 2.0, 3.0])
TEACHER = st.sampled_from([0.0, 0.0, 1.0, -5.5, 65504.0, -65504.0, float("nan"), float("nan")])


def check(name, scores, labels, **options):
    layer = LOSSES[name](**options)
    logits = tf.constant(np.broadcast_to(np.float32(scores)[None, :, None], (1, len(scores), layer.outputs)))
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = layer(logits, tf.constant([labels], tf.float32))
    gradient = tape.gradient(value, logits)
    assert np.isfinite(value).all() and np.isfinite(gradient).all(), (name, scores, labels)
    assert np.isfinite(layer.log_shares(logits)).all()


@pytest.mark.parametrize("name", LOSSES)
def test_finite(name):
    about = LOSSES.about(name)
    labels = TEACHER if about.teacher else LABELS

    @fuzzed(40, rows=st.lists(st.tuples(SCORES, labels), min_size=about.least_group, max_size=9))
    def finite(rows):
        check(name, *map(list, zip(*rows, strict=True)))

    finite()


@pytest.mark.parametrize("name", LOSSES)
def test_all_equal_and_every_choice(name):
    about = LOSSES.about(name)
    choices = [{}] + [{option: value} for option, one in about.options.items() for value in one.get("choices", ())]
    for options in choices:
        for labels in ([1.0, 0, 0, 0], [0.0] * 4, [3.0, 3, 3, 3]):
            for level in (0.0, 65504.0, -65504.0):
                check(name, [level] * 4, labels, **options)


@pytest.mark.parametrize(
    ("name", "option", "value"),
    [
        (name, option, value)
        for name in LOSSES
        for option, one in LOSSES.about(name).options.items()
        for value in {one.get("at_least"), one["default"]} - {None}
        if not isinstance(value, str)
    ],
)
def test_the_lowest_value_of_a_number(name, option, value):
    for labels in ([1.0, 0, 0, 0], [0.0] * 4, [3.0, 2, 1, 0]):
        for scores in ([50.0, 0, 0, 0], [0.0, 50, 0, 0], [65504.0, 65504, -65504, 0], [0.0] * 4):
            check(name, scores, labels, **{option: value})


def test_none_of_them_learns_from_nothing():
    """A group in the wrong order has a gradient that pulls the best label's passage up."""
    for name in LOSSES:
        layer = LOSSES[name]()
        logits = tf.constant(np.float32([[[0.0] * layer.outputs, [1.0] * layer.outputs]]))
        with tf.GradientTape() as tape:
            tape.watch(logits)
            value = layer(logits, tf.constant([[2.0, 0.0]]))
        assert tape.gradient(value, logits)[0, 0, -1] < 0, name
