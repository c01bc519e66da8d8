"""The engine for accelerators: many pairs in one sequence of tokens, scored by one compiled program."""

import numpy as np
import tensorflow as tf

from lce_tf.kernels import available
from lce_tf.model.packed import PackedModel, Tokens
from lce_tf.reranking.engine import Batches, Sink
from lce_tf.tokens.rows import RowShape, rounded

# Wordpieces of a batch, and of the last one of a job where that is enough.
LARGE, SMALL = 65536, 8192
# Wordpieces a pair that make a batch's number of pairs; shorter pairs leave the rest of it empty.
FEWEST_WORDPIECES = 16
# Rows are a multiple of this many wordpieces wide.
ROW_MULTIPLE = 128
# Batches in flight ahead of the one that is read back.
AHEAD = 3


class PackedEngine:
    """Runs a `CrossEncoder` over packed rows, compiled by XLA, with the fused kernels where they run.

    Args:
        model: its weights may go on changing.
        sizes: wordpieces of a batch, ascending.
    """

    name, steady = "packed", False

    def __init__(self, model, sizes: tuple[int, ...] = (SMALL, LARGE)):
        self._model, self._sizes = model, sizes
        self._kernels = available.fits(model.config, model.precision) and available.works()
        self.precision, self.tokens = model.precision.name, sizes[-1]
        self.programs, self._width, self._logits = 0, None, None

    def rows(self, sequence: int) -> RowShape:
        """How pairs of at most `sequence` wordpieces share rows."""
        width = None if self._kernels else rounded(sequence, ROW_MULTIPLE)
        if self._logits is None or width != self._width:
            self._width, self._logits = width, self._compiled(PackedModel(self._model, width, self._kernels))
        sizes = self._sizes if width is None else tuple(max(size // width, 1) * width for size in self._sizes)
        return RowShape(sizes, self._sizes[-1] // FEWEST_WORDPIECES, width)

    def _compiled(self, packed: PackedModel):
        def logits(*columns):
            self.programs += 1
            return packed.logits(Tokens(*columns, numbers=columns[2]))

        accelerated = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("TPU")
        return tf.function(logits, autograph=False, jit_compile=bool(accelerated) or None)

    def run(self, batches: Batches, sink: Sink) -> None:
        """Some batches in flight ahead of the one being read back, so that the device never waits for packing."""
        waiting = []
        for rows, packed in batches:
            pairs = self._sizes[-1] // FEWEST_WORDPIECES
            columns = [np.pad(part, (0, pairs - len(part))) for part in packed[2:]]
            waiting.append((rows, self._logits(*map(tf.constant, (*packed[:2], *columns)))))
            if len(waiting) > AHEAD:
                done, result = waiting.pop(0)
                sink(done, result.numpy())
        for done, result in waiting:
            sink(done, result.numpy())
