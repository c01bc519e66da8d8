"""Heads in Hugging Face's form, computed by hand: the output is the ranking score, up to rounding."""

import math

import numpy as np
import pytest

from lce_tf.errors import UserError
from lce_tf.exporting.heads import EPSILON, native_head
from lce_tf.model.config import Scoring

SIZE = 6
RNG = np.random.default_rng(1)
VECTORS = RNG.normal(0, 3, (50, SIZE)).astype(np.float32)


def linear(outputs):
    weight = RNG.normal(0, 1, (outputs, SIZE)).astype(np.float32)
    return {"head.weight": weight, "head.bias": np.float32([0.5, -2])[:outputs]}


def dense(x, weight, bias):
    return x @ weight.T + bias


def gelu(x):
    return x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))).astype(np.float32) / 2


def score_of(ours, outputs):
    logits = dense(VECTORS.astype(np.float64), ours["head.weight"].astype(np.float64), ours["head.bias"])
    return logits[:, 0] if outputs == 1 else logits[:, 1] - logits[:, 0]


@pytest.mark.parametrize("outputs", [1, 2])
def test_a_linear_head_in_electra_s_two_layers(outputs):
    ours = linear(outputs)
    head = native_head("electra", Scoring(outputs), ours)
    shapes = {name: array.shape for name, array in head.items()}
    assert shapes == {
        "classifier.dense.weight": (SIZE, SIZE), "classifier.dense.bias": (SIZE,),
        "classifier.out_proj.weight": (1, SIZE), "classifier.out_proj.bias": (1,),
    }  # fmt: skip
    assert {array.dtype for array in head.values()} == {np.dtype(np.float32)}
    inner = gelu(dense(VECTORS, head["classifier.dense.weight"], head["classifier.dense.bias"]))
    found = dense(inner, head["classifier.out_proj.weight"], head["classifier.out_proj.bias"])[:, 0]
    np.testing.assert_allclose(found, score_of(ours, outputs), atol=1e-5)


@pytest.mark.parametrize("outputs", [1, 2])
def test_a_linear_head_in_bert_s_two_layers(outputs):
    ours = linear(outputs)
    head = native_head("bert", Scoring(outputs), ours)
    assert set(head) == {"pooler.dense.weight", "pooler.dense.bias", "classifier.weight", "classifier.bias"}
    inner = np.tanh(dense(VECTORS, head["pooler.dense.weight"], head["pooler.dense.bias"]))
    found = dense(inner, head["classifier.weight"], head["classifier.bias"])[:, 0]
    assert np.abs(found).max() > 10
    np.testing.assert_allclose(found, score_of(ours, outputs), atol=1e-5)


def test_the_error_that_tanh_makes_is_below_float32_s_own():
    # tanh(e z) / e = z - e^2 z^3 / 3 + ..., relative to z: (e z)^2 / 3
    assert (EPSILON * 400) ** 2 / 3 < 2.0**-24
    scaled = np.float32(EPSILON) * VECTORS
    assert (scaled / np.float32(EPSILON) == VECTORS).all()  # a power of two costs no digit


def test_a_native_head_keeps_its_layers_and_its_ranking_logit():
    ours = {"head.dense.weight": np.eye(SIZE), "head.dense.bias": np.arange(SIZE)}
    ours |= {"head.out_proj.weight": np.array([[1.0] * SIZE, [4.0] * SIZE]), "head.out_proj.bias": np.array([1.0, 7.0])}
    last = native_head("electra", Scoring(2, "dense", rule="last"), ours)
    assert last["classifier.dense.bias"].tolist() == list(range(SIZE))
    assert last["classifier.out_proj.weight"].tolist() == [[4.0] * SIZE] and last["classifier.out_proj.bias"] == [7.0]
    difference = native_head("electra", Scoring(2, "dense"), ours)
    assert difference["classifier.out_proj.weight"].tolist() == [[3.0] * SIZE]
    assert difference["classifier.out_proj.bias"] == [6.0]


@pytest.mark.parametrize(("family", "head"), [("bert", "dense"), ("electra", "pooler")])
def test_a_head_that_the_family_cannot_compute(family, head):
    with pytest.raises(UserError, match=f"the {head} head has no equal in Hugging Face's {family}"):
        native_head(family, Scoring(1, head), {})
