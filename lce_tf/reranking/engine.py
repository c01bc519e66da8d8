"""What scoring needs of an engine: batches laid out as the engine wants them, and the logits of each."""

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np

from lce_tf.tokens.packing import Packer

Batches = Iterator[tuple[np.ndarray, Any]]


class Engine(Protocol):
    """Computes logits of packed pairs. Activation and order are made of the logits by others.

    Attributes:
        name, precision: for manifests, and for the hash that resuming checks.
        ahead: number of batches that are started before the logits of the first one are waited for.
        steady: whether a pair's logits are the same bits whatever else is scored with it.
    """

    name: str
    precision: str
    ahead: int
    steady: bool

    def batches(self, packer: Packer, query_rows: np.ndarray, passage_rows: np.ndarray) -> Batches:
        """Yields (which of the pairs, their batch in the form that `start` takes), every pair once, in any order.

        Args:
            query_rows, passage_rows: [pairs] rows of the packer's stores.
        """

    def start(self, batch: Any) -> Callable[[], np.ndarray]:
        """Begins to compute a batch.

        Returns:
            A function that waits for the batch's logits: [rows, outputs] float32, first those of its pairs in their
            order, then those of padding rows, if it has any.
        """
