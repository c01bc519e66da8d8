"""MaxP in training: losses of the best windows by hand, replayed gradients, and missing windows."""

import json
import subprocess
import sys

import numpy as np
import pytest

from lce_tf.groups.pipeline import SlicedBatches
from lce_tf.groups.sampler import GroupSampler
from lce_tf.model.config import Scoring
from lce_tf.training.inputs import read_inputs
from tests.training.test_replay import constants

GROUPS = 4
# Texts have 5 to 13 wordpieces: 2 to 6 windows of which three at most are scored.
WINDOWS = {"passage_length": 4, "stride": 2, "windows": 3}


class Parts:
    """One batch, its model and its step."""

    def __init__(self, files, loss="lce", counts=None, dropout=False, slices=4, **settings):
        from lce_tf.losses import LOSSES
        from lce_tf.model import checkpoint
        from lce_tf.model.precision import PRECISIONS
        from lce_tf.training.objective import Objective
        from lce_tf.training.optimizers import make_optimizer
        from lce_tf.training.sliced_step import SlicedStep
        from lce_tf.training.strategies import make_strategy
        from lce_tf.training.update import AdamUpdate

        backbone = str(files.with_dropout if dropout else files.two_layers)
        self.config = config = files.config(loss=loss, batch=GROUPS, backbone=backbone, **settings)
        self.inputs, layer = read_inputs(config), LOSSES[loss]()
        strategy, precision = make_strategy("one_device"), PRECISIONS["float32"]
        with strategy.scope():
            self.model = checkpoint.from_backbone(backbone, config.scoring, precision, seed=3)
            update = AdamUpdate(make_optimizer(lambda step: 0.0, self.model, precision), self.model.trainable_variables)
        self.model.head.linear.kernel.assign(self.model.head.linear.kernel * 20)
        self.step = SlicedStep(strategy, self.model, Objective.of(config, layer), update, counts)
        self.sampler = GroupSampler(self.inputs.pool, config.members, 42, pairs=layer.pairs)
        self.slices = slices

    def batch(self, replica=0, replicas=1):
        """Labels, order and slices of a replica's share of step 0."""
        batches = SlicedBatches(self.sampler, self.inputs.packer, GROUPS // replicas, replicas, self.slices)
        batch = constants(batches.batch(0, replica))
        return batch.labels, batch.order, self.step._seeded(batch, replica)

    def loss(self):
        import tensorflow as tf

        labels, order, slices = self.batch()
        logits = tf.concat([self.step._forward(*part) for part in slices], 0)
        return float(self.step.objective([logits], labels, order)[0])

    def gradients(self, *replica):
        """Loss and gradients of such a share."""
        import tensorflow as tf

        compute = tf.function(self.step._differentiate)
        loss, _, gradients = compute(*self.batch(*replica))
        return float(loss), [gradient.numpy() for gradient in gradients]


def norm(gradients):
    return float(np.sqrt(sum(np.square(gradient.astype(np.float64)).sum() for gradient in gradients)))


def distance(a, b):
    return norm([x - y for x, y in zip(a, b, strict=True)]) / norm(a)


def best_by_hand(parts):
    """[groups, members, outputs] logits of each document's best window: windows cut and packed here, one by one."""
    dealt, stores = parts.sampler.step(0, GROUPS), (parts.inputs.packer.queries, parts.inputs.packer.passages)
    template = parts.inputs.packer.template
    (cls,), (sep,) = template.before, template.between
    result, best = [], []
    for query_row, passage_rows in zip(dealt.query_rows, dealt.passage_rows, strict=True):
        for row in passage_rows:
            query, text = (store.tokens[slice(*store.offsets[i : i + 2])].tolist()
                           for store, i in zip(stores, (query_row, row), strict=True))  # fmt: skip
            starts = [start for start in (0, 2, 4) if start == 0 or start + 2 < len(text)]
            found = []
            for start in starts:
                ids = [cls, *query, sep, *text[start : start + 4], sep]
                one = (np.array([value], np.int32) for value in (ids, len(query) + 2, len(ids)))
                found.append(parts.model.logits(*one).numpy()[0])
            scores = [z[1] - z[0] if len(z) == 2 else z[0] for z in found]
            result.append(found[int(np.argmax(scores))])
            best.append(int(np.argmax(scores)))
    assert len(set(best)) == 3  # or a first window that always wins would do
    return np.array(result).reshape(*dealt.passage_rows.shape, -1), dealt.labels


def loss_by_hand(loss, z, labels):
    if loss == "ce":
        shares = np.exp(z[:, 0]) / np.exp(z[:, 0]).sum(axis=1, keepdims=True)
        return -np.log(shares[np.arange(len(z)), labels[:, 0].astype(int)]).mean()
    z = z[..., 0]
    if loss == "hinge":
        return np.maximum(0, 1 - z[:, :1] + z[:, 1:]).mean()
    return -np.log(np.exp(z[:, 0]) / np.exp(z).sum(axis=1)).mean()


@pytest.mark.parametrize("loss", ["lce", "hinge", "ce"])
def test_the_loss_is_that_of_the_best_windows_by_hand(files, loss, monkeypatch):
    if loss == "ce":
        monkeypatch.setattr(f"{__name__}.GROUPS", 12)  # single pairs: more of them, so that every window wins once
    parts = Parts(files, loss, **WINDOWS)
    z, labels = best_by_hand(parts)
    assert z.shape[2] == (2 if loss == "ce" else 1)
    assert parts.loss() == pytest.approx(loss_by_hand(loss, z.astype(np.float64), labels), rel=1e-4)
    assert abs(parts.loss() - Parts(files, loss, passage_length=4).loss()) > 1e-2


# `test_replay` has the pairs of cross-entropy.
@pytest.mark.parametrize("loss", ["lce", pytest.param("ce", marks=pytest.mark.slow)])
def test_replayed_gradients_are_those_of_one_pass(files, loss):
    once, replayed = (
        Parts(files, loss, counts, dropout=True, slices=3, **WINDOWS).gradients() for counts in (None, [1, 2])
    )
    assert replayed[0] == pytest.approx(once[0], rel=1e-6) and distance(once[1], replayed[1]) < 1e-5


def test_windows_that_are_not_there_change_nothing(files, monkeypatch):
    monkeypatch.setattr("lce_tf.training.inputs._check_windows", lambda *_: None)
    # No text has more than 13 wordpieces: two windows of 8, the second from wordpiece 6.
    two, five = (Parts(files, passage_length=8, stride=6, windows=count).gradients() for count in (2, 5))
    assert five[0] == pytest.approx(two[0], rel=1e-5) and distance(two[1], five[1]) < 1e-4
    assert abs(Parts(files, passage_length=8).loss() - two[0]) > 1e-3


def test_shares_of_two_replicas_add_up(files):
    parts = Parts(files, slices=2, **WINDOWS)
    whole, shares = parts.gradients(), [parts.gradients(replica, 2) for replica in (0, 1)]
    assert sum(share[0] for share in shares) == pytest.approx(whole[0], rel=1e-5)
    assert distance(whole[1], [a + b for a, b in zip(shares[0][1], shares[1][1], strict=True)]) < 1e-4


@pytest.mark.parametrize(
    ("scoring", "best"),
    # Rows of logits: (0, 3), (9, 4), (1, 1), (0, 3). Differences 3, -5, 0, 3.
    [(Scoring(2), [0, 2]), (Scoring(2, "dense", rule="last"), [1, 2])],
)
def test_the_best_window_and_its_gradient_by_hand(scoring, best):
    import tensorflow as tf

    from lce_tf.training.objective import best_window_logits

    logits = tf.constant([[0.0, 3], [9, 4], [1, 1], [0, 3]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        # The first document has rows 0, 3 and 1, and 0 and 3 tie; the second has row 2 alone.
        found = best_window_logits(logits, tf.constant([0, 3, 1, 2, -1, -1]), 3, scoring)
        total = tf.reduce_sum(found * [[1.0, 10], [100, 1000]])
    assert found.numpy().tolist() == logits.numpy()[best].tolist()
    expected = np.zeros((4, 2))
    expected[best] = [[1, 10], [100, 1000]]
    assert tf.convert_to_tensor(tape.gradient(total, logits)).numpy().tolist() == expected.tolist()


def test_windows_are_pairs_to_the_plan(files):
    from lce_tf.training.plan import sliced_batches

    # 4 groups of 4 passages with 3 windows are 48 pairs, six slices of 8.
    config = files.config(batch=4, group=4, **WINDOWS)
    inputs = read_inputs(config)
    batches = sliced_batches(config, GroupSampler(inputs.pool, config.members, 42), inputs.packer, 1)
    assert (batches.groups, batches.pairs, batches.slices) == (4, 48, 6)


def test_training_with_windows_from_end_to_end(files, tmp_path):
    from lce_tf.model import checkpoint
    from lce_tf.training.job import train

    config = files.config(steps=2, dev_run=str(files.dev_run), evaluate_every=2, dev_depth=5, log_every=1, **WINDOWS)
    folder = train(config, tmp_path / "maxp")
    assert checkpoint.trained(folder).lengths == config.lengths and config.lengths.windows == 3
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [row["loss"] > 0 for row in rows if "loss" in row] == [True, True]
    assert any(0 <= row.get("dev_mrr_10", -1) <= 1 for row in rows)
    departures = json.loads((folder / "manifest.json").read_text())["departures"]
    assert departures["windows"] == {"paper": None, "here": 3} and departures["stride"] == {"paper": None, "here": 2}


@pytest.mark.slow
def test_two_mirrored_devices_take_the_steps_of_one(files, tmp_path):
    """By the command, in processes of their own: TensorFlow splits the CPU only before it starts."""
    base = [sys.executable, "-m", "lce_tf.train", "--dataset", str(files.data), "--run", str(files.run)]
    base += ["--backbone", str(files.backbone), "--group", "4", "--batch", "4", "--steps", "4", "--query-length", "8"]
    base += ["--sequence-length", "32", "--learning-rate", "1e-3", "--precision", "float32", "--log-every", "1"]
    base += ["--window", "4", "--stride", "2", "--windows", "3"]
    losses = []
    for devices in (1, 2):
        folder = tmp_path / str(devices)
        command = [*base, "--devices", str(devices), "--output", str(folder)]
        subprocess.run(command, check=True, capture_output=True, timeout=500)
        assert json.loads((folder / "manifest.json").read_text())["replicas"] == devices
        losses.append([json.loads(line)["loss"] for line in (folder / "metrics.jsonl").read_text().splitlines()])
    assert len(losses[0]) == 4
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)
