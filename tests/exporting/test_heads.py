"""Heads in Hugging Face's form, computed by hand: the output is the ranking score, up to rounding."""

import math

import numpy as np
import pytest

from lce_tf.errors import UserError
from lce_tf.exporting.heads import EPSILON, WEIGHTS, native_head
from lce_tf.model.config import EncoderConfig, Scoring

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
    head = native_head(family("electra"), Scoring(outputs), ours)
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
    head = native_head(family("bert"), Scoring(outputs), ours)
    assert set(head) == {"bert.pooler.dense.weight", "bert.pooler.dense.bias", "classifier.weight", "classifier.bias"}
    inner = np.tanh(dense(VECTORS, head["bert.pooler.dense.weight"], head["bert.pooler.dense.bias"]))
    found = dense(inner, head["classifier.weight"], head["classifier.bias"])[:, 0]
    assert np.abs(found).max() > 10
    np.testing.assert_allclose(found, score_of(ours, outputs), atol=1e-5)


def test_the_error_that_tanh_makes_is_below_float32_s_own():
    for score in np.linspace(-34, 34, 35):
        times = np.arange(1, len(WEIGHTS) + 1) * EPSILON
        assert np.dot(WEIGHTS, np.tanh(times * score)) / EPSILON == pytest.approx(score, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("name", ["bert", "roberta", "electra", "distilbert"])
def test_a_linear_head_survives_float16(name):
    """No weight overflows or becomes nothing, and the scores are those of a linear head in float16."""
    ours = {"head.weight": RNG.normal(0, 0.02, (1, 384)).astype(np.float32), "head.bias": np.float32([0.5])}
    vectors = RNG.normal(0, 1, (200, 384)).astype(np.float16)
    head = {part: a.astype(np.float16) for part, a in native_head(family(name), Scoring(), ours).items()}
    assert all(np.isfinite(array).all() for array in head.values())
    (inner, inner_bias), (outer, outer_bias) = (
        [head[f"{layer}.{kind}"] for kind in ("weight", "bias")] for layer in family(name).family.head_names.values()
    )
    activation = {"pooler": np.tanh, "dense": gelu, "relu": lambda x: np.maximum(x, 0)}[family(name).family.head]
    found = dense(activation(dense(vectors, inner, inner_bias)).astype(np.float16), outer, outer_bias)[:, 0]
    wanted = dense(vectors.astype(np.float64), ours["head.weight"].astype(np.float64), ours["head.bias"])[:, 0]
    assert np.abs(found - wanted).max() < 0.01 < wanted.std()


def family(name):
    return EncoderConfig.from_huggingface({"model_type": name})


def test_a_native_head_keeps_its_layers_and_its_ranking_logit():
    ours = {"head.dense.weight": np.eye(SIZE), "head.dense.bias": np.arange(SIZE)}
    ours |= {"head.out_proj.weight": np.array([[1.0] * SIZE, [4.0] * SIZE]), "head.out_proj.bias": np.array([1.0, 7.0])}
    last = native_head(family("electra"), Scoring(2, "dense", rule="last"), ours)
    assert last["classifier.dense.bias"].tolist() == list(range(SIZE))
    assert last["classifier.out_proj.weight"].tolist() == [[4.0] * SIZE] and last["classifier.out_proj.bias"] == [7.0]
    difference = native_head(family("electra"), Scoring(2, "dense"), ours)
    assert difference["classifier.out_proj.weight"].tolist() == [[3.0] * SIZE]
    assert difference["classifier.out_proj.bias"] == [6.0]


@pytest.mark.parametrize(("name", "head"), [("bert", "dense"), ("electra", "pooler"), ("modernbert", "linear")])
def test_a_head_that_the_family_cannot_compute(name, head):
    with pytest.raises(UserError, match=f"the {head} head has no equal in Hugging Face's {name}; train with --head"):
        native_head(family(name), Scoring(1, head), {})
