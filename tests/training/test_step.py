"""The step against PyTorch's forward and backward pass over the whole batch at once, and Adam worked by hand."""

import functools

import numpy as np
import pytest

from lce_tf.data.draws import dropout_seed
from lce_tf.groups.pipeline import SlicedBatches
from lce_tf.groups.sampler import GroupSampler
from lce_tf.training.inputs import read_inputs

GROUPS, GROUP = 12, 4


class Descent:
    """Plain gradient descent in place of Adam."""

    scales = False

    def __init__(self, model, rate):
        import tensorflow as tf

        self.model, self.rate, self.scale = model, rate, tf.constant(1.0)

    def __call__(self, gradients):
        import tensorflow as tf

        for variable, gradient in zip(self.model.trainable_variables, gradients, strict=True):
            variable.assign_sub(self.rate * gradient)
        return tf.linalg.global_norm(gradients)


class Noting:
    """An update that notes the gradients that it is given."""

    def __init__(self, update):
        import tensorflow as tf

        self.update, self.scales, self.scale = update, update.scales, update.scale
        self.gradients = [tf.Variable(tf.zeros(variable.shape)) for variable in update.variables]

    def __call__(self, gradients):
        for noted, gradient in zip(self.gradients, gradients, strict=True):
            noted.assign(gradient)
        return self.update(gradients)


class Parts:
    """One model with its batches, and steps over the same batch again and again under any update."""

    def __init__(self, files, loss, backbone=None):
        from lce_tf.losses import LOSSES
        from lce_tf.model import checkpoint
        from lce_tf.model.config import Scoring
        from lce_tf.model.precision import PRECISIONS
        from lce_tf.training.strategies import make_strategy

        self.config = files.config(loss=loss, group=GROUP, batch=GROUPS, backbone=str(backbone or files.two_layers))
        self.inputs, self.loss = read_inputs(self.config), LOSSES[loss]()
        self.strategy = make_strategy("one_device")
        self.precision = PRECISIONS["float32"]
        with self.strategy.scope():
            self.model = checkpoint.from_backbone(
                self.config.backbone, Scoring(self.loss.outputs), self.precision, seed=3
            )
        # The head starts small; larger, the loss and its gradient say more.
        self.model.head.linear.kernel.assign(self.model.head.linear.kernel * 20)
        self.sampler = GroupSampler(self.inputs.pool, self.config.members, 42, pairs=self.loss.pairs)
        self._descents = {}

    def taken(self, update, slices=3):
        import tensorflow as tf

        from lce_tf.training.objective import Objective
        from lce_tf.training.sliced_step import SlicedStep

        batches = SlicedBatches(self.sampler, self.inputs.packer, GROUPS, slices=slices)
        step = SlicedStep(self.strategy, self.model, Objective(self.loss, self.model.scoring, GROUPS), update)

        def take(number=0):
            """A step on the pairs of the first batch, with the dropout masks of step `number`."""
            seed = tf.constant(dropout_seed(7, number), tf.int32)
            dataset = batches.dataset(0, 1).map(lambda batch: batch._replace(dropout_seed=seed)).repeat()
            return step(iter(self.strategy.distribute_datasets_from_function(lambda _: dataset)))

        return take

    def step(self, update, slices=3):
        """A step that returns the loss and the norm of its gradient."""
        take = self.taken(update, slices)
        return lambda number=0: [float(value) for value in take(number)[:2]]

    @property
    def weights(self):
        return [variable.numpy().astype(np.float64) for variable in self.model.trainable_variables]

    @weights.setter
    def weights(self, values):
        for variable, value in zip(self.model.trainable_variables, values, strict=True):
            variable.assign(value.astype(np.float32))

    def adam(self, schedule):
        """Adam's update under a schedule."""
        from lce_tf.training.optimizers import make_optimizer
        from lce_tf.training.update import AdamUpdate

        with self.strategy.scope():
            optimizer = make_optimizer(schedule, self.model, self.precision)
        return AdamUpdate(optimizer, self.model.trainable_variables)

    def descend(self, slices=3, number=0):
        """Loss, norm, gradients and spread of the batch; the gradients are what descent with rate 1 takes off."""
        if slices not in self._descents:
            self._descents[slices] = self.taken(Descent(self.model, 1.0), slices)
        before = self.weights
        taken = self._descents[slices](number)
        after = self.weights
        self.weights = before
        return float(taken.loss), float(taken.norm), [a - b for a, b in zip(before, after, strict=True)], taken.spread


@pytest.fixture(scope="module")
def whole(files):
    """Loss -> `Parts`, whose weights stay."""
    return functools.cache(lambda loss: Parts(files, loss))


def torch_loss(parts):
    """Loss and gradient norm of the same groups: Hugging Face's ELECTRA, one pass, the paper's formulas."""
    import torch
    import transformers

    dealt = parts.sampler.step(0, GROUPS)
    packed = parts.inputs.packer.pack(
        np.repeat(dealt.query_rows, dealt.passage_rows.shape[1]), dealt.passage_rows.ravel()
    )
    position = np.arange(packed.input_ids.shape[1])[None]
    mask = position < packed.lengths[:, None]
    segments = mask & (position >= packed.type_0_lengths[:, None])
    encoder = transformers.ElectraModel.from_pretrained(parts.config.backbone).eval()
    head = torch.nn.Parameter(torch.tensor(parts.model.head.linear.kernel.numpy()))
    bias = torch.nn.Parameter(torch.tensor(parts.model.head.linear.bias.numpy()))
    ids, mask, segments = (torch.tensor(a.astype(np.int64)) for a in (packed.input_ids, mask, segments))
    vectors = encoder(input_ids=ids, attention_mask=mask, token_type_ids=segments)[0][:, 0]
    z = (vectors @ head + bias).reshape(GROUPS, -1, head.shape[1])
    if parts.config.loss == "ce":
        loss = torch.nn.functional.cross_entropy(z[:, 0], torch.tensor(dealt.labels[:, 0]).long())
    elif parts.config.loss == "hinge":
        loss = torch.clamp(1 - z[:, :1, 0] + z[:, 1:, 0], min=0).mean()
    else:
        loss = torch.nn.functional.cross_entropy(z[..., 0], torch.zeros(GROUPS, dtype=torch.long))
    loss.backward()
    gradients = [p.grad for p in (*encoder.parameters(), head, bias) if p.grad is not None]
    return float(loss.detach()), float(sum((g.double() ** 2).sum() for g in gradients) ** 0.5), head.grad.numpy()


@pytest.mark.parametrize("loss", ["lce", "hinge", "ce"])
def test_loss_and_gradient_are_those_of_one_pass_in_pytorch(whole, loss):
    parts = whole(loss)
    expected, expected_norm, expected_head = torch_loss(parts)
    found, norm, gradients, _ = parts.descend()
    assert found == pytest.approx(expected, rel=1e-5)
    assert norm == pytest.approx(expected_norm, rel=1e-4)
    head = next(g for g in gradients if g.shape == expected_head.shape)
    np.testing.assert_allclose(head, expected_head, atol=1e-5 * max(1, np.abs(expected_head).max()))


def test_slices_change_nothing(whole):
    loss, norm, sliced, _ = whole("lce").descend()
    loss_1, norm_1, at_once, _ = whole("lce").descend(slices=1)
    assert loss == pytest.approx(loss_1, rel=1e-6) and norm == pytest.approx(norm_1, rel=1e-5)
    for a, b in zip(sliced, at_once, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_adam_is_as_worked_by_hand(files):
    from lce_tf.training.schedules import linear

    parts = Parts(files, "lce")
    # Kingma and Ba's second form: w -= rate * sqrt(1 - b2^t) / (1 - b1^t) * m / (sqrt(v) + epsilon), rates by hand.
    rates = {1: 0.0, 2: 1e-3, 3: 5e-4}
    update = Noting(parts.adam(linear(1e-3, 3, 1 / 3)))
    step = parts.step(update)
    m = [np.zeros_like(w) for w in parts.weights]
    v = [np.zeros_like(w) for w in parts.weights]
    for t, rate in rates.items():
        before = parts.weights
        step()
        after = parts.weights
        for i, noted in enumerate(update.gradients):
            g = noted.numpy().astype(np.float64)
            m[i], v[i] = 0.9 * m[i] + 0.1 * g, 0.999 * v[i] + 0.001 * g**2
            scale = rate * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
            expected = before[i] - scale * m[i] / (np.sqrt(v[i]) + 1e-7)
            np.testing.assert_allclose(after[i], expected, atol=1e-6)
            assert np.abs(after[i] - before[i]).max() <= scale * 12


def test_dropout_is_a_function_of_seed_and_step(files):
    parts = Parts(files, "lce", files.with_dropout)
    step = parts.step(Descent(parts.model, 0.0))
    first, again, other, undisturbed = step(3), step(3), step(4), step(3)
    assert first == again == undisturbed
    assert abs(first[0] - other[0]) > 1e-4


def test_no_dropout_no_randomness(whole):
    one, other = (whole("lce").descend(number=number) for number in (3, 4))
    assert one[:2] == other[:2]


class Spoiling:
    """A loss layer's loss, times a factor that can be no number."""

    def __init__(self, layer):
        import tensorflow as tf

        self.layer, self.factor = layer, tf.Variable(1.0)

    def __call__(self, logits, labels):
        return self.layer(logits, labels) * self.factor


def test_one_gradient_that_is_no_number_spoils_no_weight(files):
    from lce_tf.training.schedules import linear

    parts = Parts(files, "lce", files.backbone)
    parts.loss = Spoiling(parts.loss)
    update = parts.adam(linear(0.01, 100, 0.0))
    step = parts.step(update)
    step()  # from here on Adam's moments would move the weights without any gradient
    before, state = parts.weights, [variable.numpy() for variable in update.adam.variables()[1:]]
    for factor in (float("nan"), float("inf")):
        parts.loss.factor.assign(factor)
        _, norm = step()
        assert not np.isfinite(norm)
        for a, b in zip(before, parts.weights, strict=True):
            np.testing.assert_array_equal(a, b)
        for a, b in zip(state, update.adam.variables()[1:], strict=True):
            np.testing.assert_array_equal(a, b)
    assert int(update.adam.iterations) == 3
    parts.loss.factor.assign(1.0)
    loss, norm = step()
    assert np.isfinite([loss, norm]).all()
    assert any((a != b).any() for a, b in zip(before, parts.weights, strict=True))


@pytest.mark.parametrize("loss", ["lce", "ce"])
def test_the_spread_is_that_of_the_scores_in_a_group(whole, loss):
    import tensorflow as tf

    parts = whole(loss)
    *_, spread = parts.descend()
    dealt = parts.sampler.step(0, GROUPS)
    pairs = np.repeat(dealt.query_rows, dealt.passage_rows.shape[1]), dealt.passage_rows.ravel()
    packed = parts.inputs.packer.pack(*pairs)
    logits = parts.model.logits(*map(tf.constant, packed), tf.constant([0, 0])).numpy()
    scores = (logits[:, 1] - logits[:, 0] if loss == "ce" else logits[:, 0]).reshape(dealt.passage_rows.shape)
    by_hand = scores.max() - scores.min() if loss == "ce" else (scores.max(1) - scores.min(1)).mean()
    assert float(spread) == pytest.approx(by_hand, rel=1e-4)
