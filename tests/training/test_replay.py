"""The gradient of a batch computed in parts equals that of the batch computed at once."""

import functools

import numpy as np
import pytest

from lce_tf.groups.pipeline import Batch, SlicedBatches
from lce_tf.groups.sampler import GroupSampler
from lce_tf.tokens.packing import PaddedPairs
from lce_tf.training.inputs import read_inputs

GROUPS = 4


def still(model, precision="float32"):
    """Adam's update at a rate of 0."""
    from lce_tf.model.precision import PRECISIONS
    from lce_tf.training.optimizers import make_optimizer
    from lce_tf.training.update import AdamUpdate

    return AdamUpdate(make_optimizer(lambda step: 0.0, model, PRECISIONS[precision]), model.trainable_variables)


@functools.cache
def gradients_of(files, loss, precision, counts, slices=4, head=20, xla=False):
    """Loss and gradients of one step with dropout on; `counts` is a tuple, or None for one part."""
    import tensorflow as tf

    from lce_tf.losses import LOSSES
    from lce_tf.model import checkpoint
    from lce_tf.model.precision import PRECISIONS
    from lce_tf.training.objective import Objective
    from lce_tf.training.sliced_step import SlicedStep
    from lce_tf.training.strategies import make_strategy

    config = files.config(loss=loss, batch=GROUPS, backbone=str(files.with_dropout))
    inputs, layer = read_inputs(config), LOSSES[loss]()
    strategy = make_strategy("one_device")
    with strategy.scope():
        model = checkpoint.from_backbone(config.backbone, config.scoring, PRECISIONS[precision], seed=3)
        update = still(model, precision)
    model.head.linear.kernel.assign(model.head.linear.kernel * head)
    step = SlicedStep(strategy, model, Objective.of(config, layer), update, parts=counts, xla=xla)
    sampler = GroupSampler(inputs.pool, config.members, 42, pairs=layer.pairs)
    batches = SlicedBatches(sampler, inputs.packer, GROUPS, slices=slices)
    batch = constants(batches.batch(0))
    compute = tf.function(step._differentiate)
    loss, _, gradients = compute(batch.labels, batch.order, step._seeded(batch, 0))
    return float(loss), [gradient.numpy() / float(update.scale) for gradient in gradients]


def constants(batch):
    """A batch as tensors, in the dtypes of its dataset."""
    import tensorflow as tf

    found = tf.nest.map_structure(tf.constant, batch)
    return found._replace(dropout_seed=tf.cast(found.dropout_seed, tf.int32))


def norm(gradients):
    return float(np.sqrt(sum(np.square(gradient.astype(np.float64)).sum() for gradient in gradients)))


def distance(a, b):
    """The norm of the difference, relative to that of `a`."""
    return norm([x - y for x, y in zip(a, b, strict=True)]) / norm(a)


@pytest.mark.parametrize(
    ("loss", "precision", "counts"),
    [
        ("lce", "float32", (1, 1, 1, 1)),
        ("lce", "float32", (2, 1, 1)),
        ("ce", "float32", (2, 2)),
        ("lce", "products_bfloat16", (2, 2)),
        # Their counts are as those above: some before the last part, and some in it.
        pytest.param("lce", "float32", (1, 3), marks=pytest.mark.slow),
        pytest.param("hinge", "float32", (1, 1, 1, 1), marks=pytest.mark.slow),
    ],
)
def test_gradients_with_dropout_on_are_those_of_one_pass(files, loss, precision, counts):
    once, replayed = (gradients_of(files, loss, precision, parts) for parts in (None, counts))
    assert replayed[0] == pytest.approx(once[0], rel=1e-6)
    assert distance(once[1], replayed[1]) < 1e-5
    # LCE and hinge do not move the head's bias: its gradient is rounding alone, hence the floor.
    floor = 1e-3 * max(np.abs(gradient).max() for gradient in once[1])
    for a, b in zip(once[1], replayed[1], strict=True):
        assert np.abs(a - b).max() <= 1e-5 * max(np.abs(a).max(), floor)


def test_other_masks_would_give_another_gradient(files):
    """The comparison above would notice masks that are not those of the first pass."""
    four, two = (gradients_of(files, "lce", "float32", None, *slices)[1] for slices in ((), (2,)))
    assert distance(four, two) > 0.1


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_rounds_alike(files, precision):
    """The two ways are compiled apart and round apart, each by no more than the precision itself does."""
    exact = gradients_of(files, "lce", "float32", None, head=1)[1]
    once, replayed = (gradients_of(files, "lce", precision, parts, head=1)[1] for parts in (None, (1, 1, 1, 1)))
    for a, b in ((exact, once), (exact, replayed), (once, replayed)):
        assert distance(a, b) < 0.05


def planned(files, replicas=1, **settings):
    """How a job slices a replica's share of a batch, and what parts it computes."""
    from lce_tf.model import checkpoint
    from lce_tf.model.precision import PRECISIONS
    from lce_tf.training.plan import parts_of, sliced_batches

    config = files.config(batch=4, **settings)
    model = checkpoint.from_backbone(config.backbone, config.scoring, PRECISIONS["float32"], seed=1)
    inputs = read_inputs(config)
    sampler = GroupSampler(inputs.pool, config.members, 42)
    batches = sliced_batches(config, sampler, inputs.packer, replicas)
    return batches, model, lambda replicas=1: parts_of(config, batches, model, replicas)


def test_a_micro_batch_bounds_slices_and_parts(files):
    # 64 wordpieces are two pairs of 32; 16 pairs are eight slices.
    batches, _, parts = planned(files, group=4, micro_batch=64)
    assert (batches.groups, batches.slices, parts()) == (4, 8, [1] * 8)
    batches, *_ = planned(files, replicas=2, group=4, micro_batch=64)
    assert (batches.groups, batches.slices) == (2, 4)
    # 600 are two slices of 8 pairs, and room that no third one fits into.
    batches, _, parts = planned(files, group=10, micro_batch=600)
    assert (batches.groups, batches.slices, parts()) == (4, 5, [1, 2, 2])
    batches, _, parts = planned(files, group=4)
    assert (batches.groups, batches.slices, parts()) == (4, 2, [2])


def test_on_a_tpu_every_slice_has_the_length_of_a_sequence(files):
    batches, *_ = planned(files, replicas=2, strategy="tpu")
    assert (batches.groups, batches.slices, batches.width) == (2, 1, 32)


@pytest.mark.parametrize("counts", [(1,), pytest.param((1, 1), marks=pytest.mark.slow)])
def test_xla_s_gradients_are_the_same(files, counts):
    """With dropout on, whose masks XLA must draw alike."""
    plain, compiled = (
        gradients_of(files, "lce", "float32", counts, sum(counts), head=1, xla=xla) for xla in (False, True)
    )
    assert compiled[0] == pytest.approx(plain[0], rel=1e-6)
    assert distance(plain[1], compiled[1]) < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("counts", [None, [1, 1, 2]])
def test_at_one_width_the_step_compiles_once_for_all_batches(files, counts):
    """XLA, the compiler that a TPU has its programs from, must know every shape."""
    import tensorflow as tf

    from lce_tf.losses import LOSSES
    from lce_tf.model import checkpoint
    from lce_tf.model.precision import PRECISIONS
    from lce_tf.training.objective import Objective
    from lce_tf.training.sliced_step import SlicedStep
    from lce_tf.training.strategies import make_strategy

    config = files.config(batch=GROUPS, backbone=str(files.with_dropout))
    inputs = read_inputs(config)
    model = checkpoint.from_backbone(config.backbone, config.scoring, PRECISIONS["float32"], seed=3)
    step = SlicedStep(
        make_strategy("one_device"), model, Objective.of(config, LOSSES["lce"]()), still(model), parts=counts
    )
    sampler = GroupSampler(inputs.pool, config.members, 42)
    batches = SlicedBatches(sampler, inputs.packer, GROUPS, slices=4, width=32)

    def gradients(batch):
        return step._differentiate(batch.labels, batch.order, step._seeded(batch, 0))

    compiled, plain = tf.function(gradients, jit_compile=True), tf.function(gradients)
    for number in range(3):
        batch = constants(batches.batch(number))
        (loss, _, found), (expected_loss, _, expected) = compiled(batch), plain(batch)
        assert float(loss) == pytest.approx(float(expected_loss), rel=1e-4)
        assert distance([e.numpy() for e in expected], [f.numpy() for f in found]) < 1e-3
    assert compiled.experimental_get_tracing_count() == 1


def test_parts_are_what_fits(files, monkeypatch):
    from lce_tf.training import memory, plan

    batches, model, parts = planned(files, group=16, backbone=str(files.two_layers))
    # By hand: 64 pairs of 32 wordpieces, 2 layers, 14 * 32 + 5 * 64 + 4 * 4 * 32 floats of 4 bytes.
    assert memory.activation_bytes(model.config, 64, 32) == 64 * 32 * 2 * (448 + 320 + 512) * 4
    assert memory.activation_bytes(model.config, 64, 32, 2) == 64 * 32 * 2 * (448 + 320 + 512) * 2
    # A slice counts with the largest width that it has in the batches of the training, here 6.
    widths = np.max([[width for _, width in batches.shapes(step)] for step in range(6)], axis=0)
    need = [memory.activation_bytes(model.config, 8, int(width)) for width in widths]
    for budget, expected in ((sum(need), [8]), (sum(need) - 1, [1, 7]), (1, [1] * 8)):
        monkeypatch.setattr(plan, "device_bytes", lambda budget=budget: (budget + 0.5) / 0.4)
        assert parts() == expected
    monkeypatch.setattr(plan, "device_bytes", lambda: 2 * (sum(need) + 0.5) / 0.4)
    assert parts(replicas=2) == [8]


@pytest.mark.parametrize(
    ("needs", "budget", "sums", "counts"),
    [
        ([1, 2, 3], 6, 0, [3]),
        ([1, 2, 3], 5, 0, [1, 2]),
        ([1, 2, 3], 3, 0, [2, 1]),
        ([9, 9], 5, 0, [1, 1]),
        ([4], 1, 0, [1]),
        ([0] * 70, 1, 0, [6, 32, 32]),
        # The gradients summed so far take the room of one slice, but of none of the part that comes first.
        ([2, 2, 2, 2, 2], 4, 2, [1, 1, 1, 2]),
        ([2, 2, 2, 2, 2], 4, 9, [1, 1, 1, 2]),
    ],
)
def test_parts_fill_up_from_the_last_slice_on(needs, budget, sums, counts):
    from lce_tf.training.memory import slices_per_part

    assert slices_per_part(needs, budget, sums) == counts


def traced(files, parts):
    """The graph of a batch's gradients, that many parts of one slice each."""
    import tensorflow as tf

    from lce_tf.losses import LOSSES
    from lce_tf.model import checkpoint
    from lce_tf.model.precision import PRECISIONS
    from lce_tf.training.objective import Objective
    from lce_tf.training.sliced_step import SlicedStep
    from lce_tf.training.strategies import make_strategy

    config = files.config(backbone=str(files.with_dropout))
    model = checkpoint.from_backbone(config.backbone, config.scoring, PRECISIONS["float32"], seed=3)
    objective = Objective(LOSSES["lce"](), model.scoring, parts)
    step = SlicedStep(make_strategy("one_device"), model, objective, still(model), parts=[1] * parts)

    def gradients(batch):
        return step._differentiate(batch.labels, batch.order, step._seeded(batch, 0))

    def whole(*shape):
        return tf.TensorSpec(shape, tf.int32)

    one = PaddedPairs(whole(8, None), whole(8), whole(8))
    batch = Batch(tf.TensorSpec([parts, 8]), whole(8 * parts), (one,) * parts, whole())
    return tf.function(gradients).get_concrete_function(batch).graph.as_graph_def()


def test_the_graph_hardly_grows_with_the_group(files):
    """So that neither its memory nor the time until the first step does."""

    def operations(graph, kind=""):
        nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
        return sum(node.op.startswith(kind) for node in nodes)

    few, many = traced(files, 4), traced(files, 16)
    assert operations(few, "While") == operations(many, "While") == 2
    assert operations(many, "MatMul") == operations(few, "MatMul") > 0
    assert operations(many) < 1.2 * operations(few)


def test_slices_have_the_shapes_of_the_packed_batch(files):
    batches, _, _ = planned(files, group=16)
    for step in range(3):
        assert batches.shapes(step) == [part.input_ids.shape for part in batches.batch(step).pairs]


@functools.cache
def r_dropped(files, loss, counts, weight=2.0):
    """Loss and gradients of one batch with R-Drop, and the logits of its two masks as [2, groups, members, outputs]."""
    import tensorflow as tf

    from lce_tf.losses import LOSSES
    from lce_tf.model import checkpoint
    from lce_tf.model.precision import PRECISIONS
    from lce_tf.training.objective import Objective
    from lce_tf.training.sliced_step import SlicedStep
    from lce_tf.training.strategies import make_strategy

    config = files.config(loss=loss, batch=GROUPS, backbone=str(files.with_dropout), r_drop=weight)
    inputs, layer, strategy = read_inputs(config), LOSSES[loss](), make_strategy("one_device")
    with strategy.scope():
        model = checkpoint.from_backbone(config.backbone, config.scoring, PRECISIONS["float32"], seed=3)
        update = still(model, "float32")
    model.head.linear.kernel.assign(model.head.linear.kernel * 20)
    step = SlicedStep(strategy, model, Objective.of(config, layer), update, parts=counts)
    sampler = GroupSampler(inputs.pool, config.members, 42, pairs=layer.pairs)
    batches = SlicedBatches(sampler, inputs.packer, GROUPS, slices=2)
    batch = constants(batches.batch(0))
    labels, order, slices = batch.labels, batch.order, step._seeded(batch, 0)
    found, _, gradients = tf.function(step._differentiate)(labels, order, slices)
    rows = np.concatenate([model.logits(*part).numpy() for part in slices]).reshape(2, len(order), -1)
    logits = rows[:, order.numpy()].reshape(2, *labels.shape, -1)
    return float(found), [gradient.numpy() for gradient in gradients], logits, labels.numpy()


@pytest.mark.parametrize("loss", ["lce", "ce"])
def test_r_drop_by_hand(files, loss):
    from scipy.special import log_softmax

    found, _, logits, labels = r_dropped(files, loss, None)
    assert np.abs(logits[0] - logits[1]).max() > 0.1  # two masks
    shares = log_softmax(logits[..., 0, :] if loss == "ce" else logits[..., 0], axis=-1)
    if loss == "ce":
        plain = -np.take_along_axis(shares, labels[None].astype(int), -1)[..., 0]
    else:
        plain = -shares[..., 0]
    p, q = shares
    apart = ((np.exp(p) - np.exp(q)) * (p - q)).sum(-1)  # both ways of Kullback and Leibler
    # Half of equation 4: (l1 + l2) / 2 + weight / 4 * (KL + KL).
    assert found == pytest.approx((plain.mean(0) + 2.0 / 4 * apart).mean(), rel=1e-4)


def test_r_drop_in_parts_has_the_gradient_of_one_pass(files):
    once, replayed = (r_dropped(files, "lce", parts) for parts in (None, (1, 3)))
    assert replayed[0] == pytest.approx(once[0], rel=1e-6) and distance(once[1], replayed[1]) < 1e-5


def test_r_drop_without_dropout_is_refused(files, tmp_path):
    from lce_tf.errors import UserError
    from lce_tf.training.job import train

    with pytest.raises(UserError, match="--r-drop 1.0: .* has no dropout"):
        train(files.config(r_drop=1.0), tmp_path / "out")


def test_training_with_r_drop(files, tmp_path):
    import json

    from lce_tf.training.job import train

    config = files.config(r_drop=1.0, backbone=str(files.with_dropout), micro_batch=64, steps=2)
    folder = train(config, tmp_path / "out")
    assert json.loads((folder / "manifest.json").read_text())["config"]["r_drop"] == 1.0
