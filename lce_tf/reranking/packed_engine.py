"""The engine for accelerators: many pairs in one sequence of tokens, scored by one compiled program."""

import os
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from lce_tf.foundation.xla import set_flags
from lce_tf.kernels import available
from lce_tf.model.packed import PackedModel
from lce_tf.reranking.devices import check_precision, keras_model
from lce_tf.reranking.engine import Batches, Engine
from lce_tf.reranking.forks import same_process, tensorflow_begins
from lce_tf.reranking.layout import in_rows, made_ahead
from lce_tf.tokens.packing import Packer
from lce_tf.tokens.rows import WIDTH_MULTIPLE, PackedPairs, RowShape, rounded

# Wordpieces of a small and of a large batch. Each size is compiled into its own program. The small size is for the end
# of a job, where a large batch would be too empty.
SIZES = (8192, 65536)
# A batch of any size has at most (wordpieces of the largest size / this number) pairs. If pairs are shorter on average,
# part of a large batch stays empty.
FEWEST_WORDPIECES = 16
# Width of rows while no pair is longer. A model may read more, but attention within rows as wide as it reads would not
# fit into memory; and with wider rows a batch has fewer wordpieces.
WIDTH = 512


class PackedEngine(Engine):
    """Runs a `CrossEncoder` over packed rows, compiled by XLA on a GPU or TPU, with the fused kernels if they work.

    Args:
        model: a `CrossEncoder`; its weights may change later.
        sizes: possible numbers of wordpieces of a batch, ascending; the smallest and the largest are used.

    Attributes:
        programs: number of programs traced.
    """

    key = "packed"
    help = "several pairs a row, one program compiled by XLA, fused kernels on NVIDIA GPUs"
    home = "accelerator"
    ahead = 3

    @classmethod
    def check(cls, precision):
        check_precision(precision)

    @classmethod
    def open(cls, folder, precision):
        return cls(keras_model(folder, precision))

    def __init__(self, model, sizes: tuple[int, ...] = SIZES):
        set_flags()
        tensorflow_begins()
        self._model, self._sizes, self._process = model, sizes, os.getpid()
        self._kernels = available.fits(model.config, model.precision) and available.works()
        self._pairs = sizes[-1] // FEWEST_WORDPIECES
        self.precision, self.tokens, self.programs = model.precision.name, sizes[-1], 0
        self._compiled: dict[int | None, Callable] = {}

    def batches(self, packer: Packer, query_rows: np.ndarray, passage_rows: np.ndarray) -> Batches:
        width, sizes = None, self._sizes
        if not self._kernels:
            width = width_of(packer, query_rows, passage_rows)
            most = sizes[-1] * WIDTH // width
            sizes = tuple(max(min(size, most) // width, 1) * width for size in sizes)
        if width not in self._compiled:
            self._compiled[width] = self._function(PackedModel(self._model, width, self._kernels))
        self._logits = self._compiled[width]
        # A copy to a GPU waits for the batches that were started, so the next ones are packed by a thread meanwhile.
        return made_ahead(in_rows(packer, query_rows, passage_rows, RowShape(sizes, self._pairs, width)), self.ahead)

    def start(self, batch: PackedPairs) -> Callable[[], np.ndarray]:
        same_process(self._process)
        columns = [np.pad(part, (0, self._pairs - len(part))) for part in batch[2:-1]]
        return self._logits(*map(tf.constant, (*batch[:2], *columns))).numpy

    def _function(self, packed: PackedModel):
        def logits(*columns):
            self.programs += 1
            # The pairs' numbers matter to dropout alone.
            return packed.logits(PackedPairs(*columns, numbers=columns[2]))

        accelerated = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("TPU")
        return tf.function(logits, autograph=False, jit_compile=bool(accelerated) or None)


def width_of(packer: Packer, query_rows: np.ndarray, passage_rows: np.ndarray) -> int:
    """Width of rows for these pairs: `WIDTH`, doubled until the longest fits, but no more than a pair may have."""
    limit = rounded(packer.lengths.sequence, WIDTH_MULTIPLE)
    width, longest = min(WIDTH, limit), int(packer.pair_lengths(query_rows, passage_rows).max(initial=0))
    while width < min(longest, limit):
        width = min(2 * width, limit)
    return width
