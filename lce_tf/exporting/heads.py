"""Converts score heads to those of Hugging Face's sequence classifiers, with one logit: the ranking score."""

import numpy as np

from lce_tf.errors import UserError
from lce_tf.model.config import Scoring
from lce_tf.model.families import FAMILIES

# tanh(EPSILON z) / EPSILON is z to a relative error of (EPSILON z)^2 / 3, which is below float32's own 6e-8 for scores
# up to 400. A power of two, by which float32 and bfloat16 scale weights without rounding; float16 has no such numbers.
EPSILON = 2.0**-20

Arrays = dict[str, np.ndarray]


def native_head(family: str, scoring: Scoring, arrays: Arrays) -> Arrays:
    """The head's weights under Hugging Face's names, [outputs, inputs] as in PyTorch, float32.

    A `linear` head becomes the family's two layers exactly: for ELECTRA by gelu(z) - gelu(-z) = z, for BERT by a tanh
    of a score scaled so small that tanh is the identity, and scaled back.

    Args:
        family: a key of `FAMILIES`.
        scoring: how the ranking score is computed from the logits.
        arrays: the head's weights under this package's names, such as "head.weight" [outputs, inputs].

    Raises:
        UserError: the family's head cannot compute this head.
    """
    native, names = FAMILIES[family].head, FAMILIES[family].head_names
    if scoring.head == native:
        (inner, hidden), (outer, last) = names.items()
        kept = _named(hidden, arrays[f"{inner}.weight"], arrays[f"{inner}.bias"])
        return kept | _named(last, *_one_logit(outer, scoring, arrays))
    if scoring.head != "linear":
        raise UserError(f"the {scoring.head} head has no equal in Hugging Face's {family}; train with --head linear")
    weight, bias = _one_logit("head", scoring, arrays)
    return (_linear_as_gelu if native == "dense" else _linear_as_tanh)(weight, bias, *names.values())


def _one_logit(name: str, scoring: Scoring, arrays: Arrays) -> tuple[np.ndarray, np.ndarray]:
    """The last layer with the ranking score as its only output: weight [1, inputs] and bias [1]."""
    weight, bias = arrays[f"{name}.weight"], arrays[f"{name}.bias"]
    # The score is linear in the logits, so the same rule can be applied to the weights.
    return scoring.score(weight.T)[None], scoring.score(bias)[None]


def _linear_as_gelu(weight: np.ndarray, bias: np.ndarray, hidden: str, last: str) -> Arrays:
    size = weight.shape[1]
    inner, inner_bias, outer = np.zeros((size, size)), np.zeros(size), np.zeros((1, size))
    inner[:2], inner_bias[:2], outer[0, :2] = [weight[0], -weight[0]], [bias[0], -bias[0]], [1, -1]
    return _named(hidden, inner, inner_bias) | _named(last, outer, np.zeros(1))


def _linear_as_tanh(weight: np.ndarray, bias: np.ndarray, hidden: str, last: str) -> Arrays:
    size = weight.shape[1]
    inner, inner_bias, outer = np.zeros((size, size)), np.zeros(size), np.zeros((1, size))
    inner[0], inner_bias[0], outer[0, 0] = EPSILON * weight[0], EPSILON * bias[0], 1 / EPSILON
    return _named(hidden, inner, inner_bias) | _named(last, outer, np.zeros(1))


def _named(name: str, weight: np.ndarray, bias: np.ndarray) -> Arrays:
    return {f"{name}.{kind}": np.ascontiguousarray(a, np.float32) for kind, a in (("weight", weight), ("bias", bias))}
