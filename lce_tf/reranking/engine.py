"""What an engine is, and the engines by name: `ENGINES["openvino"]`."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lce_tf.foundation.registry import Registry
from lce_tf.tokens.packing import Packer

Batches = Iterator[tuple[np.ndarray, Any]]


class Engine:
    """Computes the logits of packed pairs. Other modules make scores and an order of the logits.

    Attributes:
        key: its name after `--engine`; a class outside this package is named by its class path instead.
        help: one line for `lce list engines`.
        home: "cpu" or "accelerator" for the engine that `auto` takes there; "" for the others.
        precision: what it computes in, for manifests and for the hash that resuming checks.
        ahead: number of batches that are started before the logits of the first one are waited for.
        steady: whether a pair's logits are the same bits whatever else is scored with it.
    """

    key = ""
    help = ""
    home = ""
    precision: str
    ahead = 1
    steady = False

    @property
    def name(self) -> str:
        """The key, or the class path of a class without a key; identifies the engine in manifests and on resuming."""
        kind = type(self)
        return self.key if "key" in vars(kind) else f"{kind.__module__}.{kind.__qualname__}"

    @classmethod
    def open(cls, folder: str | Path, precision: str) -> "Engine":
        """The engine for a checkpoint's folder.

        Args:
            precision: a name of a precision, or "auto".

        Raises:
            UserError: the engine does not have this precision, or the checkpoint cannot be read.
        """
        raise TypeError(f"{cls.__name__} does not define how it opens a checkpoint")

    def batches(self, packer: Packer, query_rows: np.ndarray, passage_rows: np.ndarray) -> Batches:
        """Yields (which of the pairs, their batch in the form that `start` takes), every pair once, in any order.

        Args:
            query_rows, passage_rows: [pairs] rows of the packer's stores.
        """
        raise TypeError(f"{type(self).__name__} does not define its batches")

    def start(self, batch: Any) -> Callable[[], np.ndarray]:
        """Begins to compute a batch.

        Returns:
            A function that waits for the batch's logits: [rows, outputs] float32, first those of its pairs in their
            order, then those of padding rows, if it has any.
        """
        raise TypeError(f"{type(self).__name__} does not define how it computes")


AUTO = "auto"
ENGINES = Registry("lce_tf.reranking", "--engine", Engine, "lce_tf.reranking.engine.Engine", also=(AUTO,))
