"""The gradient of a batch computed slice by slice is that of the batch computed at once."""

import json

import numpy as np
import pytest

from lce_tf.data.groups import GroupSampler
from lce_tf.data.pipeline import BatchShape, TrainingBatches
from lce_tf.training.inputs import read_inputs

GROUPS = 4


def gradients_of(files, loss, precision, replay, slices=4, head=20):
    """Loss and gradients of one step with dropout on."""
    import tensorflow as tf

    from lce_tf.losses import LOSSES
    from lce_tf.model import checkpoint
    from lce_tf.model.precision import PRECISIONS
    from lce_tf.training.optimizers import make_optimizer
    from lce_tf.training.step import TrainingStep
    from lce_tf.training.strategies import make_strategy

    config = files.config(loss=loss, batch=GROUPS, backbone=str(files.with_dropout))
    inputs, layer = read_inputs(config), LOSSES[loss]()
    strategy = make_strategy("one_device")
    with strategy.scope():
        model = checkpoint.from_backbone(config.backbone, config.scoring, PRECISIONS[precision], seed=3)
        optimizer = make_optimizer(lambda step: 0.0, model, PRECISIONS[precision])
    model.head.linear.kernel.assign(model.head.linear.kernel * head)
    step = TrainingStep(strategy, model, layer, optimizer, GROUPS, seed=7, replay=replay)
    sampler = GroupSampler(inputs.pool, config.members, 42, pairs=layer.pairs)
    batches = TrainingBatches(sampler, inputs.packer, BatchShape(GROUPS, config.members, slices, 8))
    labels, order, *parts = [tf.constant(part) for part in batches.batch(0)]
    compute = tf.function(step._in_one_slice if replay else step._at_once)
    loss, gradients = compute(labels, order, step._slices(parts, step.step_seed(0), 0))
    scale = float(optimizer.loss_scale) if step.scales else 1.0
    return float(loss), [gradient.numpy() / scale for gradient in gradients]


def norm(gradients):
    return float(np.sqrt(sum(np.square(gradient.astype(np.float64)).sum() for gradient in gradients)))


def distance(a, b):
    """The norm of the difference, relative to that of `a`."""
    return norm([x - y for x, y in zip(a, b, strict=True)]) / norm(a)


@pytest.mark.parametrize(
    ("loss", "precision"), [("lce", "float32"), ("hinge", "float32"), ("ce", "float32"), ("lce", "products_bfloat16")]
)
def test_gradients_with_dropout_on_are_those_of_one_pass(files, loss, precision):
    once, replayed = (gradients_of(files, loss, precision, replay) for replay in (False, True))
    assert replayed[0] == pytest.approx(once[0], rel=1e-6)
    assert distance(once[1], replayed[1]) < 1e-5
    # LCE and hinge do not move the head's bias: its gradient is rounding alone, hence the floor.
    floor = 1e-3 * max(np.abs(gradient).max() for gradient in once[1])
    for a, b in zip(once[1], replayed[1], strict=True):
        assert np.abs(a - b).max() <= 1e-5 * max(np.abs(a).max(), floor)


def test_other_masks_would_give_another_gradient(files):
    """The comparison above would notice masks that are not those of the first pass."""
    four, two = (gradients_of(files, "lce", "float32", True, slices)[1] for slices in (4, 2))
    assert distance(four, two) > 0.1


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_rounds_alike(files, precision):
    """The two ways are compiled apart and round apart, each by no more than the precision itself does."""
    exact = gradients_of(files, "lce", "float32", False, head=1)[1]
    once, replayed = (gradients_of(files, "lce", precision, replay, head=1)[1] for replay in (False, True))
    for a, b in ((exact, once), (exact, replayed), (once, replayed)):
        assert distance(a, b) < 0.05


def test_a_micro_batch_slices_and_replays(files):
    from lce_tf.model import checkpoint
    from lce_tf.model.precision import PRECISIONS
    from lce_tf.training.job import plan_batch

    config = files.config(batch=4, group=4, micro_batch=64)
    model = checkpoint.from_backbone(config.backbone, config.scoring, PRECISIONS["float32"], seed=1)
    # 64 wordpieces are two pairs of 32; 16 pairs are eight slices.
    assert plan_batch(config, 1, model) == (BatchShape(4, 4, 8), True)
    assert plan_batch(config, 2, model) == (BatchShape(2, 4, 4), True)
    assert plan_batch(files.config(batch=4, group=4), 1, model) == (BatchShape(4, 4, 1), False)


def test_what_does_not_fit_is_replayed(files, monkeypatch):
    from lce_tf.model import checkpoint
    from lce_tf.model.precision import PRECISIONS
    from lce_tf.training import memory
    from lce_tf.training.job import plan_batch

    config = files.config(batch=4, group=16)
    model = checkpoint.from_backbone(config.backbone, config.scoring, PRECISIONS["float32"], seed=1)
    # By hand: 64 pairs of 32 wordpieces, 2 layers, 14 * 32 + 5 * 64 + 4 * 4 * 32 floats of 4 bytes.
    need = 64 * 32 * 2 * (448 + 320 + 512) * 4
    assert memory.activation_bytes(model.config, 64, 32) == need
    for free, replay in ((need / 0.4 + 1, False), (need / 0.4 - 1, True)):
        monkeypatch.setattr(memory, "free_bytes", lambda free=free: free)
        assert plan_batch(config, 1, model) == (BatchShape(4, 16, 4), replay)
    assert memory.activation_bytes(model.config, 64, 32, 2) == need / 2


def test_training_in_slices_takes_the_steps_of_training_at_once(files, tmp_path):
    from lce_tf.training.job import train

    losses = []
    for micro_batch in (0, 256):
        # 16 pairs make one slice in one pass; 256 wordpieces are 8 pairs, so two slices. No dropout, so no masks.
        config = files.config(steps=4, batch=4, group=4, micro_batch=micro_batch, log_every=1)
        lines = (train(config, tmp_path / str(micro_batch)) / "metrics.jsonl").read_text().splitlines()
        losses.append([json.loads(line)["loss"] for line in lines])
    assert len(losses[0]) == 4
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)
