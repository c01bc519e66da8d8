"""Engines that run the Keras model itself: TensorFlow, and TensorFlow compiled by XLA."""

import contextlib
import os
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from lce_tf.model.tracing import filled
from lce_tf.reranking.devices import check_precision, keras_model
from lce_tf.reranking.engine import Batches, Engine
from lce_tf.reranking.forks import same_process, tensorflow_begins
from lce_tf.reranking.layout import by_width
from lce_tf.reranking.steady import ACCELERATOR_TOKENS, CPU_TOKENS, FILLED_TOKENS, WHOLE, rows_of_a_batch
from lce_tf.tokens.packing import Packer, PaddedPairs


class TensorFlowEngine(Engine):
    """Runs a `CrossEncoder` in TensorFlow, on a GPU or TPU if there is one.

    Args:
        model: a `CrossEncoder`; its weights may change later.

    Attributes:
        tokens: padded wordpieces of a full batch.
    """

    key = "tensorflow"
    help = "the Keras model itself, pairs padded to a few widths"
    steady = True
    xla = False

    @classmethod
    def check(cls, precision):
        check_precision(precision)

    @classmethod
    def open(cls, folder, precision):
        return cls(keras_model(folder, precision))

    def __init__(self, model):
        tensorflow_begins()
        self.precision, xla = model.precision.name, self.xla
        accelerated = bool(tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("TPU"))
        half = "bfloat16" in self.precision
        on_cpu = rows_of_a_batch("bfloat16" if half else self.precision)
        self._fill = WHOLE if accelerated or xla else on_cpu
        self.tokens = ACCELERATOR_TOKENS if accelerated else FILLED_TOKENS if self._fill == WHOLE else CPU_TOKENS
        self._process = os.getpid()
        signature = [tf.TensorSpec([None, None], tf.int32)] + [tf.TensorSpec([None], tf.int32)] * 2

        def logits(*packed):
            with contextlib.nullcontext() if accelerated or xla else filled(model):
                return model.logits(*packed)

        self._logits = tf.function(logits, signature, autograph=False, jit_compile=xla or None)

    def batches(self, packer: Packer, query_rows: np.ndarray, passage_rows: np.ndarray) -> Batches:
        return by_width(packer, query_rows, passage_rows, self.tokens, self._fill)

    def start(self, batch: PaddedPairs) -> Callable[[], np.ndarray]:
        same_process(self._process)
        return self._logits(*batch).numpy


class XlaEngine(TensorFlowEngine):
    """A `TensorFlowEngine` compiled by XLA, once for each width of pairs; all batches of a width have the same size."""

    key = "xla"
    help = "the same, compiled by XLA once for each width"
    xla = True
