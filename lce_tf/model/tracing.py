"""Forms in which a model can be traced for an engine: the same results, by operations that suit the engine."""

import contextlib
from collections.abc import Iterator

import tensorflow as tf

from lce_tf.model.block import Block
from lce_tf.model.config import ROW_MULTIPLE
from lce_tf.model.norm import LayerNorm


def plain(model: tf.Module) -> contextlib.AbstractContextManager[None]:
    """Context in which a model's encoder is traced in the textbook form of attention and layer normalisation.

    The result is the same. A compiler such as OpenVINO's recognises that form and has one fast kernel for each. Run
    operation by operation it is slower.
    """
    return _having([part for part in model.submodules if isinstance(part, LayerNorm | Block)], "plain", True)


def filled(model: tf.Module) -> contextlib.AbstractContextManager[None]:
    """Context in which tracing pads the batch of final [CLS] vectors to a multiple of `ROW_MULTIPLE`.

    Each score is then bitwise independent of the batch size, on a CPU and at any length that is a multiple of
    `ROW_MULTIPLE`. The padding rows come last; ignore them.
    """
    return _having([model.encoder], "row_multiple", ROW_MULTIPLE)


def unpadded(model: tf.Module) -> contextlib.AbstractContextManager[None]:
    """Context in which a model's dense layers and norms are traced for real tokens, with fewer than 32 of padding.

    Only attention then computes all padding. The number of tokens is known at run time, so XLA cannot compile this
    form.
    """
    return _having([model.encoder], "unpadded", True)


@contextlib.contextmanager
def _having(parts: list, name: str, value: bool | int) -> Iterator[None]:
    before = [getattr(part, name) for part in parts]
    for part in parts:
        setattr(part, name, value)
    try:
        yield
    finally:
        for part, old in zip(parts, before, strict=True):
            setattr(part, name, old)
