"""AdamW and clipping against PyTorch's, by the optimiser and by the update that is part of an XLA program."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
import torch

from lce_tf.training.optimizers import BETA_1, BETA_2, EPSILON, Adam, clipped
from lce_tf.training.update import AdamUpdate

SHAPES = {"kernel": (4, 3), "bias": (3,), "head": (3, 2)}
RATES = [1e-2, 5e-3, 2e-2]


class Rates(keras.optimizers.schedules.LearningRateSchedule):
    def __call__(self, step):
        return tf.gather(tf.constant(RATES), tf.minimum(tf.cast(step, tf.int32), 2))


def ours(variables, weight_decay, clip, fused):
    adam = Adam(Rates(), [variables[2]], 0.03, weight_decay)
    adam._create_all_weights(variables)
    update = AdamUpdate(adam, variables, clip, in_program=fused)
    return tf.function(lambda *gradients: update(gradients), jit_compile=fused)


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize(("weight_decay", "clip"), [(0.0, 0.0), (0.1, 0.0), (0.0, 1.0), (0.05, 0.5)])
def test_steps_are_those_of_pytorch(weight_decay, clip, fused):
    draw = np.random.default_rng(1)
    start = [draw.normal(size=shape).astype(np.float32) for shape in SHAPES.values()]
    variables = [tf.Variable(value, name=name) for value, name in zip(start, SHAPES, strict=True)]
    theirs = [torch.nn.Parameter(torch.tensor(value)) for value in start]
    groups = [
        {
            "params": [parameter],
            "weight_decay": weight_decay * (parameter.ndim > 1),
        }
        for parameter in theirs
    ]
    adamw = torch.optim.AdamW(groups, betas=(BETA_1, BETA_2))
    step = ours(variables, weight_decay, clip, fused)
    for t, rate in enumerate(RATES, 1):
        gradients = [draw.normal(size=shape).astype(np.float32) for shape in SHAPES.values()]
        norm = step(*map(tf.constant, gradients))
        for parameter, gradient in zip(theirs, gradients, strict=True):
            parameter.grad = torch.tensor(gradient)
        expected = torch.nn.utils.clip_grad_norm_(theirs, clip or float("inf"))
        assert float(norm) == pytest.approx(float(expected), rel=1e-5)
        for index, group in enumerate(adamw.param_groups):
            group["lr"] = 0.03 if index == 2 else rate
            # Kingma and Ba's second form, which Keras has, adds epsilon before the moments' correction.
            group["eps"] = EPSILON / np.sqrt(1 - BETA_2**t)
        adamw.step()
        for variable, parameter in zip(variables, theirs, strict=True):
            np.testing.assert_allclose(variable.numpy(), parameter.detach().numpy(), atol=5e-6)


def test_clipping_keeps_small_gradients_and_what_is_no_number():
    small, large = tf.constant([0.3, 0.4]), tf.constant([3.0, 4.0])
    assert clipped([small], tf.norm(small), 1.0)[0].numpy().tolist() == small.numpy().tolist()
    np.testing.assert_allclose(clipped([large], tf.norm(large), 1.0)[0], [0.6, 0.8])
    assert clipped([large], tf.norm(large), 0.0)[0] is large
    for wrong in (float("nan"), float("inf")):
        gradient = tf.constant([wrong, 1.0])
        assert not np.isfinite(clipped([gradient], tf.norm(gradient), 1.0)[0]).all()
    assert clipped([tf.zeros(2)], tf.constant(0.0), 1.0)[0].numpy().tolist() == [0, 0]
