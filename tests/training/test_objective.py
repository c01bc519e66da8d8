"""The objective against losses worked by hand."""

import math

import numpy as np
import pytest

from lce_tf.losses import LOSSES
from lce_tf.model.config import Scoring

# Two groups of four: scores ascend by one, and the positive is first.
LOGITS = [[0.0], [1.0], [3.0], [2.0], [2.0], [-1.0], [0.0], [1.0]]
LABELS = [[1.0, 0, 0, 0]] * 2
ORDER = list(range(8))


def measured(logits=(LOGITS,), labels=LABELS, loss="lce", **settings):
    """Loss, spread, and the loss's derivatives by each mask's logits."""
    import tensorflow as tf

    from lce_tf.training.objective import Objective

    objective = Objective(LOSSES[loss](), Scoring(), len(labels), **settings)
    masks = [tf.constant(part) for part in logits]
    with tf.GradientTape() as tape:
        tape.watch(masks)
        value, spread = objective(masks, tf.constant(labels), tf.constant(ORDER))
    gradients = [tf.convert_to_tensor(part).numpy()[:, 0] for part in tape.gradient(value, masks)]
    return float(value), float(spread), gradients


def softmax(*z):
    shares = np.exp(z)
    return shares / shares.sum()


def test_the_loss_is_the_mean_over_the_global_batch():
    value, spread, (gradient,) = measured()
    # -log of the positives' shares e^0 / (e^0 + e^1 + e^3 + e^2) and e^2 / (e^2 + e^-1 + e^0 + e^1), halved.
    assert value == pytest.approx((3.4401897 + 0.4401897) / 2, abs=1e-6)
    assert spread == 3
    expected = [*(softmax(0, 1, 3, 2) - [1, 0, 0, 0]), *(softmax(2, -1, 0, 1) - [1, 0, 0, 0])]
    assert gradient == pytest.approx(np.array(expected) / 2, abs=1e-6)


def test_a_loss_may_branch_on_tensors_in_python():
    import tensorflow as tf

    from lce_tf.losses.base import RankingLoss
    from lce_tf.training.objective import Objective

    class Branching(RankingLoss):
        def call(self, logits, labels):
            if tf.reduce_max(logits) > 2:
                return logits[:, 0, 0]
            return 10 + logits[:, 0, 0]

    objective = Objective(Branching(), Scoring(), len(LABELS))
    step = tf.function(lambda *given: objective(*given)[0], autograph=False)  # as steps are traced
    labels, order = tf.constant(LABELS), tf.constant(ORDER)
    assert float(step([tf.constant(LOGITS)], labels, order)) == 1.0  # the mean of 0 and 2
    assert float(step([tf.constant(LOGITS) / 2], labels, order)) == 10.5


def test_only_the_hardest_negatives_count():
    value, spread, (gradient,) = measured(counted=3)
    # Left: 0 against 3 and 2, and 2 against 0 and 1. The spread is that of the whole groups.
    first, second = softmax(0, 3, 2), softmax(2, 0, 1)
    assert value == pytest.approx(-(math.log(first[0]) + math.log(second[0])) / 2, abs=1e-6)
    assert spread == 3
    expected = [first[0] - 1, 0, *first[1:], second[0] - 1, 0, *second[1:]]
    assert gradient == pytest.approx(np.array(expected) / 2, abs=1e-6)


def test_all_positives_count_before_any_negative():
    value, _, (gradient,) = measured(labels=[[1.0, 1, 0, 0]] * 2, loss="multi-lce", counted=3)
    assert math.isfinite(value) and gradient[[3, 6]].tolist() == [0, 0]
    assert np.all(gradient[[0, 1, 2, 4, 5, 7]] != 0)


def test_the_first_mask_chooses_for_both():
    other = [[-part] for (part,) in LOGITS]
    value, _, gradients = measured((LOGITS, other), r_drop=1.0, counted=2)
    # Left of each group: the positive, and the member with 3 or 1 under the first mask.
    shares = [[softmax(0, 3), softmax(2, 1)], [softmax(0, -3), softmax(-2, -1)]]
    plain = -np.mean([[math.log(one[0]) for one in mask] for mask in shares])
    apart = np.mean([np.sum((p - q) * (np.log(p) - np.log(q))) for p, q in zip(*shares, strict=True)])
    assert value == pytest.approx(plain + apart / 4, rel=1e-5)
    assert all(gradient[[1, 3, 5, 6]].tolist() == [0] * 4 for gradient in gradients)


def test_the_divergence_of_passages_on_their_own_is_their_mean():
    other = [[part / 2] for (part,) in LOGITS]
    one_group, eight = [[1.0, 0, 0, 0, 0, 0, 0, 0]], [[1.0], *[[0.0]] * 7]
    found = [
        measured((LOGITS, other), labels, "binary", r_drop=1.0)[0] - measured((LOGITS, other), labels, "binary")[0]
        for labels in (one_group, eight)
    ]
    # By hand: (p - q) (logit p - logit q) of each passage, as log p/q less log (1 - p)/(1 - q) is z - z / 2.
    z = np.array(LOGITS)[:, 0]
    apart = np.mean((1 / (1 + np.exp(-z)) - 1 / (1 + np.exp(-z / 2))) * z / 2)
    assert found == pytest.approx([apart / 4] * 2, rel=1e-4)


# The same objective takes the logits of either layout.
@pytest.mark.parametrize("layout", ["slices", pytest.param("rows", marks=pytest.mark.slow)])
def test_training_on_the_hardest(files, tmp_path, layout):
    import json

    from lce_tf.training.job import train

    settings = {"hardest": 1, "steps": 2, "layout": layout, "log_every": 1}
    hard = train(files.config(**settings), tmp_path / "hard")
    plain = train(files.config(**{**settings, "hardest": 0}), tmp_path / "all")
    lines = [json.loads((folder / "metrics.jsonl").read_text().splitlines()[0]) for folder in (hard, plain)]
    # The same groups and masks, but fewer members in the softmax.
    assert lines[0]["score_spread"] == lines[1]["score_spread"] and lines[0]["loss"] < lines[1]["loss"]
