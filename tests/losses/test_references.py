"""Losses against those of sentence-transformers, on the same scores and labels: values and gradients."""

import numpy as np
import pytest
import torch
from sentence_transformers.cross_encoder import CrossEncoder, losses

from lce_tf.losses import LOSSES
from tests.losses.worked import worked

QUERIES, GROUP = 5, 7


class Given(CrossEncoder):
    """A cross-encoder whose score of the texts ("i", "j") is entry (i, j) of a matrix."""

    num_labels, device = 1, torch.device("cpu")

    def __init__(self, scores):
        torch.nn.Module.__init__(self)
        self.scores = torch.tensor(scores, requires_grad=True)

    def preprocess(self, pairs, **kwargs):
        return {"places": torch.tensor([[int(query), int(passage)] for query, passage in pairs])}

    def forward(self, tokens):
        return {"scores": self.scores[tokens["places"][:, 0], tokens["places"][:, 1]][:, None]}


def in_torch(make, scores, labels):
    """Mean loss over the queries, each a batch of its own as ours are, and its gradient."""
    model = Given(scores)
    loss = make(model)
    passages = [str(j) for j in range(scores.shape[1])]
    values = []
    for i, row in enumerate(labels):
        if isinstance(loss, losses.MarginMSELoss):
            values.append(loss([[str(i)], *([j] for j in passages)], torch.tensor(row)[None]))
        elif isinstance(loss, losses.MSELoss | losses.BinaryCrossEntropyLoss):
            values.append(loss([[str(i)] * len(passages), passages], torch.tensor(row)))
        else:
            values.append(loss([[str(i)], [passages]], [torch.tensor(row)]))
    mean = torch.stack(values).mean()
    mean.backward()
    return torch.stack(values).detach().numpy(), model.scores.grad.numpy() * len(labels)


def grades(draw, scores):
    return draw.choice([0, 0, 0, 1, 2, 3], scores.shape).astype(np.float32)


def teachers(draw, scores):
    return draw.normal(scale=3, size=scores.shape).astype(np.float32)


def binary(draw, scores):
    return (draw.random(scores.shape) < 0.3).astype(np.float32)


CASES = {
    "list-net": (grades, {}, losses.ListNetLoss),
    "list-mle": (grades, {}, lambda model: losses.ListMLELoss(model, respect_input_order=False)),
    "list-mle positions": (
        teachers,
        {"positions": "aware"},
        lambda model: losses.PListMLELoss(model, respect_input_order=False),
    ),
    "lambda": (grades, {}, losses.LambdaLoss),
    "lambda ndcg2": (grades, {"weights": "ndcg2"}, lambda m: losses.LambdaLoss(m, losses.NDCGLoss2Scheme())),
    "lambda lambdarank": (
        grades,
        {"weights": "lambdarank", "k": 3, "sigma": 0.5},
        lambda model: losses.LambdaLoss(model, losses.LambdaRankScheme(), k=3, sigma=0.5),
    ),
    "adr-mse": (grades, {}, losses.ADRMSELoss),
    "adr-mse alpha": (teachers, {"alpha": 2.0}, lambda model: losses.ADRMSELoss(model, alpha=2.0)),
    "mse": (teachers, {}, losses.MSELoss),
    "margin-mse": (teachers, {}, losses.MarginMSELoss),
    "binary": (binary, {}, losses.BinaryCrossEntropyLoss),
    # There in bits, here in nats.
    "ranknet": (teachers, {}, lambda model: losses.RankNetLoss(model, reduction_log="natural")),
}


@pytest.mark.parametrize("case", CASES)
def test_values_and_gradients(case):
    labelled, options, make = CASES[case]
    draw = np.random.default_rng(len(case))
    scores = draw.normal(scale=2, size=(QUERIES, GROUP)).astype(np.float32)
    labels = labelled(draw, scores)
    labels[:, 0] = labels.max(axis=1)  # some relevant passage in every group
    if "list-mle" in case:  # their sort does not say how it orders ties
        labels += np.linspace(0.01, 0, GROUP, dtype=np.float32)
    values, gradient = worked(LOSSES[case.split()[0]](**options), scores, labels)
    expected, expected_gradient = in_torch(make, scores, labels)
    np.testing.assert_allclose(values, expected, rtol=2e-5, atol=1e-6)
    np.testing.assert_allclose(gradient, expected_gradient, atol=2e-6, rtol=2e-4)


def test_kl_against_torch():
    draw = np.random.default_rng(1)
    scores, labels = (draw.normal(size=(QUERIES, GROUP)).astype(np.float32) for _ in range(2))
    z, t = (torch.log_softmax(torch.tensor(x) / 2, -1) for x in (scores, labels))
    expected = torch.nn.functional.kl_div(z, t, reduction="none", log_target=True).sum(-1)
    np.testing.assert_allclose(worked(LOSSES["kl"](temperature=2.0), scores, labels)[0], expected, atol=1e-6)


def test_list_net_of_theirs_is_lce_only_for_labels_far_apart():
    """What docs/from-sentence-transformers.md says of it."""
    scores = np.array([[2.0, 1.0, 0.0, 1.0]], np.float32)
    (lce,), _ = worked(LOSSES["lce"](), scores, [[1, 0, 0, 0]])
    far, near = (in_torch(losses.ListNetLoss, scores, np.float32([[top, 0, 0, 0]]))[0] for top in (100, 1))
    np.testing.assert_allclose(far, [lce], rtol=1e-6)
    assert abs(near - lce) > 0.4


def test_multiple_negatives_ranking_of_theirs_is_not_lce():
    """Cross entropy over 10 sigmoid(z), which is not that over z."""
    scores = np.array([[2.0, 1.0, 0.0]], np.float32)
    model = Given(scores)
    theirs = losses.MultipleNegativesRankingLoss(model, num_negatives=0)
    value = theirs.calculate_loss([model.scores[0, j][None] for j in range(3)], 1)
    squashed = 10 / (1 + np.exp(-scores))
    np.testing.assert_allclose(value.item(), worked(LOSSES["lce"](), squashed, [[1, 0, 0]])[0][0], rtol=1e-5)
    assert abs(value.item() - worked(LOSSES["lce"](), scores, [[1, 0, 0]])[0][0]) > 0.1
