"""The packed step against the sliced one: the same loss, gradient, Adam and loss scale, in parts and on replicas."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lce_tf.groups.packed import PackedBatches
from lce_tf.groups.pipeline import SlicedBatches
from lce_tf.groups.sampler import GroupSampler
from lce_tf.training.inputs import read_inputs

ROOT = Path(__file__).parents[2]
GROUPS, GROUP = 8, 4


class Steps:
    """The same model, batch and optimiser, to be stepped in either layout.

    Attributes:
        fed: the batches of the last packed step, to take another of.
    """

    def __init__(self, files, precision="float32", backbone=None, devices=1, windows=1):
        from lce_tf.losses import LOSSES
        from lce_tf.model import checkpoint
        from lce_tf.model.config import Scoring
        from lce_tf.model.precision import PRECISIONS
        from lce_tf.training.strategies import make_strategy

        settings = {"group": GROUP, "batch": GROUPS, "backbone": str(backbone or files.two_layers)}
        if windows > 1:
            settings |= {"passage_length": 6, "stride": 3, "windows": windows}
        self.config = files.config(**settings)
        self.inputs, self.loss, self.windows = read_inputs(self.config), LOSSES["lce"](), windows
        self.strategy = make_strategy("mirrored", devices) if devices > 1 else make_strategy("one_device")
        self.precision = PRECISIONS[precision]
        with self.strategy.scope():
            self.model = checkpoint.from_backbone(self.config.backbone, Scoring(), self.precision, seed=3)
        self.model.head.linear.kernel.assign(self.model.head.linear.kernel * 20)
        self.sampler = GroupSampler(self.inputs.pool, GROUP, 42)
        self.start = self.weights

    @property
    def weights(self):
        return [variable.numpy().astype(np.float64) for variable in self.model.trainable_variables]

    def moments(self, optimizer):
        """Adam's first moments: sums of the steps' gradients, even where the weights' change is rounding alone."""
        adam = getattr(optimizer, "inner_optimizer", optimizer)
        return [adam.get_slot(variable, "m").numpy() for variable in self.model.trainable_variables]

    def optimizer(self, rate=1e-3, **settings):
        from lce_tf.training.optimizers import make_optimizer
        from lce_tf.training.schedules import make_schedule

        with self.strategy.scope():
            return make_optimizer(make_schedule("linear", rate, 100, 0.0), self.model, self.precision, **settings)

    def reset(self):
        for variable, value in zip(self.model.trainable_variables, self.start, strict=True):
            variable.assign(value.astype(np.float32))

    def feed(self, batches):
        return iter(self.strategy.distribute_datasets_from_function(lambda _: batches.dataset(0, 1).repeat()))

    def sliced(self, steps=1, clip_norm=0.0, **settings):
        """Figures of each step, and the moments after the last."""
        from lce_tf.training.objective import Objective
        from lce_tf.training.sliced_step import SlicedStep
        from lce_tf.training.update import AdamUpdate

        self.reset()
        replicas = self.strategy.num_replicas_in_sync
        feed = self.feed(SlicedBatches(self.sampler, self.inputs.packer, GROUPS // replicas, replicas, slices=2))
        optimizer = self.optimizer(**settings)
        objective = Objective(self.loss, self.model.scoring, GROUPS, self.windows)
        update = AdamUpdate(optimizer, self.model.trainable_variables, clip_norm)
        step = SlicedStep(self.strategy, self.model, objective, update)
        taken = [step(feed) for _ in range(steps)]
        return [[float(value) for value in one[:3]] for one in taken], self.moments(optimizer)

    def packed(self, parts=1, width=None, steps=1, xla=False, optimizer=None, r_drop=0.0, clip_norm=0.0, whole=False):
        """As `sliced`, and the step itself."""
        from lce_tf.model.packed import PackedModel
        from lce_tf.training.objective import Objective
        from lce_tf.training.packed_step import PackedStep
        from lce_tf.training.update import AdamUpdate

        self.reset()
        replicas = self.strategy.num_replicas_in_sync
        pairs = GROUPS * GROUP * self.windows // replicas
        room = pairs // parts * 32
        given = self.sampler, self.inputs.packer, GROUPS // replicas, replicas, width, parts, (room,), whole
        batches = PackedBatches(*given)
        optimizer = optimizer or self.optimizer()
        step = PackedStep(
            self.strategy,
            self.model,
            Objective(self.loss, self.model.scoring, GROUPS, self.windows, r_drop),
            AdamUpdate(optimizer, self.model.trainable_variables, clip_norm, in_program=True),
            packed=PackedModel(self.model, width, kernels=False),
            whole=batches.whole,
            xla=xla,
        )
        self.fed = self.feed(batches)
        taken = [step(self.fed) for _ in range(steps)]
        return [[float(value) for value in one[:3]] for one in taken], self.moments(optimizer), step


def close(found, expected):
    largest = max(np.abs(part).max() for part in expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5 * largest)


@pytest.fixture(scope="module")
def of_slices(files):
    """The model without dropout, with the figures and moments of two steps in the sliced layout."""
    steps = Steps(files)
    return steps, *steps.sliced(steps=2)


@pytest.mark.parametrize(
    ("parts", "whole", "width", "xla"),
    [
        (1, True, None, False),
        # The program of a part is that of a loop over parts, which is compiled below.
        pytest.param(1, True, 32, True, marks=pytest.mark.slow),
        (4, False, None, False),
        (4, True, None, False),
        (2, True, 32, True),
    ],
)
def test_steps_are_those_of_the_sliced_layout(of_slices, monkeypatch, parts, whole, width, xla):
    from lce_tf.model.packed import PackedModel

    traced, logits = [], PackedModel.logits
    monkeypatch.setattr(PackedModel, "logits", lambda *given: traced.append(given) or logits(*given))
    steps, figures, moments = of_slices
    found, after, step = steps.packed(parts, width, steps=2, xla=xla, whole=whole)
    np.testing.assert_allclose(found, figures, rtol=2e-5)
    close(after, moments)
    # The second step runs the first one's program. Parts of whole groups are computed once, others twice.
    assert step.programs == 1 and len(traced) == (1 if whole else 2)


@pytest.fixture(scope="module")
def masked(files):
    """The model with dropout, with the figures and moments of a packed step."""
    steps = Steps(files, backbone=files.with_dropout)
    return steps, *steps.packed()[:2]


@pytest.mark.parametrize(("parts", "width", "whole"), [(1, 32, True), (4, None, False), (4, None, True)])
def test_dropout_masks_are_the_same_in_any_parts_and_rows(masked, parts, width, whole):
    steps, figures, moments = masked
    found, after, _ = steps.packed(parts, width, whole=whole)
    np.testing.assert_allclose(found, figures, rtol=2e-5)
    close(after, moments)


def test_dropout_masks_are_not_those_of_slices(masked):
    steps, figures, _ = masked
    assert figures[0][0] != pytest.approx(steps.sliced()[0][0][0], rel=1e-3)


def test_windows_that_a_document_has_not_count_for_nothing(files):
    steps = Steps(files, backbone=files.backbone, windows=3)
    figures, moments = steps.sliced()
    for whole in (False, True):
        found, after, _ = steps.packed(parts=2, whole=whole)
        np.testing.assert_allclose(found, figures, rtol=2e-5)
        close(after, moments)


TWO = """
import sys
from pathlib import Path
import numpy as np
from tests.training.conftest import Files
from tests.training.test_packed_step import Steps, close

files = Files(Path(sys.argv[1]))
found, after, _ = Steps(files, devices=2).packed(steps=2)
figures, moments = Steps(files).sliced(steps=2)
np.testing.assert_allclose(found, figures, rtol=2e-5)
close(after, moments)
"""


@pytest.mark.slow
def test_two_replicas_take_the_step_of_one(tmp_path):
    # A process of its own: TensorFlow splits the CPU into devices only before it starts.
    done = subprocess.run([sys.executable, "-c", TWO, str(tmp_path)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


def test_a_gradient_that_is_no_number_changes_no_weight_and_halves_the_loss_scale(files):
    steps = Steps(files, precision="mixed_float16", backbone=files.backbone)
    optimizer = steps.optimizer()
    optimizer._loss_scale.current_loss_scale.assign(2.0**30)
    figures, moments, step = steps.packed(optimizer=optimizer)
    assert not np.isfinite(figures[0][1]) and not any(part.any() for part in moments)
    assert float(optimizer.loss_scale) == 2.0**29 and int(optimizer.inner_optimizer.iterations) == 1
    assert all((a == b).all() for a, b in zip(steps.weights, steps.start, strict=True))
    optimizer._loss_scale.current_loss_scale.assign(256.0)
    optimizer._loss_scale.counter.assign(1999)
    assert np.isfinite(step(steps.fed).norm) and float(optimizer.loss_scale) == 512.0
    assert int(optimizer.inner_optimizer.iterations) == 2 and int(optimizer._loss_scale.counter) == 0
    assert any((a != b).any() for a, b in zip(steps.weights, steps.start, strict=True))


@pytest.fixture(scope="module")
def r_dropped(masked):
    """Figures and moments of a packed step with R-Drop, all pairs at once."""
    return masked[0].packed(r_drop=1.0)[:2]


# Parts of whole groups are computed as all groups at once are.
@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_r_drop_compares_two_masks(masked, r_dropped, whole):
    steps, plain, _ = masked
    figures, moments = r_dropped
    assert figures[0][0] > plain[0][0]
    found, after, _ = steps.packed(parts=4, r_drop=1.0, whole=whole)
    np.testing.assert_allclose(found, figures, rtol=2e-5)
    close(after, moments)


def test_weight_decay_and_clipping_are_those_of_the_sliced_layout(files):
    steps = Steps(files, backbone=files.backbone)
    figures, moments = steps.sliced(clip_norm=0.05, weight_decay=0.3, rate=1e-2)
    sliced = steps.weights
    packed = steps.packed(optimizer=steps.optimizer(1e-2, weight_decay=0.3), clip_norm=0.05)
    decayed = steps.weights
    steps.packed(optimizer=steps.optimizer(1e-2), clip_norm=0.05)
    assert figures[0][1] > 0.05  # the norm is told as it was
    np.testing.assert_allclose(packed[0], figures, rtol=2e-5)
    close(packed[1], moments)
    # The first moment is a tenth of the clipped gradient.
    assert np.sqrt(sum(np.sum(part**2) for part in moments)) == pytest.approx(0.005, rel=1e-4)
    for one, other, kept, start in zip(sliced, decayed, steps.weights, steps.start, strict=True):
        share = 0.3 * 1e-2 if start.ndim > 1 else 0
        np.testing.assert_allclose(kept - other, share * start, atol=1e-6)
        assert np.abs(one - other).max() < 0.025  # where a gradient is rounding alone, Adam's steps are of the rate
