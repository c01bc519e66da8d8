"""Converts score heads to those of Hugging Face's classes, with the ranking score as the only logit."""

import numpy as np

from lce_tf.errors import UserError
from lce_tf.model.config import EncoderConfig, Scoring

# A linear head z is computed with tanh as the sum of WEIGHTS[k] / EPSILON * tanh((k + 1) EPSILON z) over k. The terms
# z^3, z^5 and z^7 of tanh's series cancel, so the relative error is about 13 (EPSILON z)^8: 1e-7 for scores up to 25,
# 1e-6 up to 34. EPSILON is a power of two, so scaling by it does not round. It is large enough for float16, whose
# smallest normal number is 2^-14 and whose largest is 65504.
EPSILON = 2.0**-8
WEIGHTS = (8 / 5, -2 / 5, 8 / 105, -1 / 140)
# Activations f with f(z) - f(-z) = z, by which two units compute a linear head exactly.
CARRYING = ("gelu", "gelu_python", "gelu_new", "gelu_fast", "gelu_pytorch_tanh", "quick_gelu", "relu", "silu", "swish")

Arrays = dict[str, np.ndarray]


def native_head(config: EncoderConfig, scoring: Scoring, arrays: Arrays) -> Arrays:
    """The head's weights under Hugging Face's names, [outputs, inputs] as PyTorch keeps them, float32.

    A `linear` head is converted to the two layers of the family's own head. If their activation f is GELU or ReLU, the
    score z is computed as f(z) - f(-z). If it is tanh, z is computed as a sum of tanh's of small multiples of z; see
    `EPSILON` for the error.

    Args:
        config: the encoder's configuration.
        scoring: how the ranking score, which is the exported logit, is computed from the head's outputs.
        arrays: the head's weights under the names in our checkpoints, such as "head.weight" [outputs, inputs].

    Raises:
        UserError: the family's own head cannot compute this head.
    """
    family = config.family
    native, names = family.head, family.head_names
    if scoring.head == native and names:
        (*_, last) = names
        kept = {
            f"{names[part]}.{kind}": array
            for (part, _, kind), array in ((name.rpartition("."), array) for name, array in arrays.items())
            if part != last
        }
        return _float32(kept | _named(names[last], *_one_logit(last, scoring, arrays)))
    carries = {"dense": config.classifier_activation in CARRYING, "relu": True, "pooler": True}.get(native, False)
    if scoring.head != "linear" or not carries:
        raise UserError(
            f"the {scoring.head} head has no equal in Hugging Face's {family.model_type}; train with --head {native}"
            + " or linear" * carries
        )
    weight, bias = _one_logit("head", scoring, arrays)
    return _float32((_linear_as_tanh if native == "pooler" else _linear_as_gelu)(weight, bias, *names.values()))


def ranking_row(scoring: Scoring, arrays: Arrays) -> np.ndarray:
    """[inputs] weights of the ranking score in a linear head without a bias."""
    return scoring.score(arrays["head.weight"].T)


def _one_logit(name: str, scoring: Scoring, arrays: Arrays) -> tuple[np.ndarray, np.ndarray]:
    """The last layer with the ranking score as its only output: weight [1, inputs] and bias [1]."""
    weight, bias = arrays[f"{name}.weight"], arrays[f"{name}.bias"]
    # The score is linear in the logits, so the same rule can be applied to the weights.
    return scoring.score(weight.T)[None], scoring.score(bias)[None]


def _linear_as_gelu(weight: np.ndarray, bias: np.ndarray, hidden: str, last: str) -> Arrays:
    return _layers(np.array([1, -1]), np.array([1, -1]), weight, bias, hidden, last)


def _linear_as_tanh(weight: np.ndarray, bias: np.ndarray, hidden: str, last: str) -> Arrays:
    times = EPSILON * np.arange(1, len(WEIGHTS) + 1)
    return _layers(times, np.array(WEIGHTS) / EPSILON, weight, bias, hidden, last)


def _layers(times, outer, weight, bias, hidden: str, last: str) -> Arrays:
    """The weights of two layers that compute the score z as the sum of outer[k] * f(times[k] * z), f the activation."""
    size, units = weight.shape[1], len(times)
    if size < units:
        raise UserError(f"hidden_size {size}: a linear head is exported as {units} units of that layer; train another")
    inner, inner_bias, outer_weight = np.zeros((size, size)), np.zeros(size), np.zeros((1, size))
    inner[:units], inner_bias[:units], outer_weight[0, :units] = times[:, None] * weight[0], times * bias[0], outer
    return _named(hidden, inner, inner_bias) | _named(last, outer_weight, np.zeros(1))


def _named(name: str, weight: np.ndarray, bias: np.ndarray) -> Arrays:
    return {f"{name}.weight": weight, f"{name}.bias": bias}


def _float32(arrays: Arrays) -> Arrays:
    return {name: np.ascontiguousarray(array, np.float32) for name, array in arrays.items()}
