"""The base class of engines, and the registry of engines by name: `ENGINES["openvino"]`."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lce_tf.foundation.registry import Registry
from lce_tf.tokens.packing import Packer

Batches = Iterator[tuple[np.ndarray, Any]]


class Engine:
    """Computes the logits of packed pairs; other modules turn logits into scores and an order.

    Attributes:
        key: its name after `--engine`; a class outside this package is named by its class path instead.
        help: one line for `lce list engines`.
        home: the device, "cpu" or "accelerator", on which `--engine auto` chooses this engine; "" if it never does.
        precision: name of the precision it computes in; manifests record it, and resuming checks it.
        ahead: number of batches that are started beyond the one whose logits are awaited.
        steady: whether a pair's logits are bitwise independent of the other pairs scored with it.
    """

    key = ""
    help = ""
    home = ""
    precision: str
    ahead = 1
    steady = False

    @property
    def name(self) -> str:
        """The key, or for a class without its own key the class path; manifests record it, and resuming checks it."""
        kind = type(self)
        return self.key if "key" in vars(kind) else f"{kind.__module__}.{kind.__qualname__}"

    @classmethod
    def open(cls, folder: str | Path, precision: str) -> "Engine":
        """The engine for a checkpoint's folder.

        Args:
            precision: the name of a precision, or "auto".

        Raises:
            UserError: the engine does not have this precision, or the checkpoint cannot be read.
        """
        raise TypeError(f"{cls.__name__} does not define how it opens a checkpoint")

    @classmethod
    def check(cls, precision: str) -> None:
        """Refuses the name of a precision that the engine does not have, without reading a checkpoint.

        It is called before the long work. The base class refuses nothing; `open` has the last word.

        Raises:
            UserError: the engine does not have this precision.
        """

    def batches(self, packer: Packer, query_rows: np.ndarray, passage_rows: np.ndarray) -> Batches:
        """Yields (indices of the pairs, their batch in the form that `start` takes); every pair once, in any order.

        Args:
            query_rows, passage_rows: [pairs] rows of the packer's stores.
        """
        raise TypeError(f"{type(self).__name__} does not define its batches")

    def start(self, batch: Any) -> Callable[[], np.ndarray]:
        """Starts computing a batch, and returns a function that waits for its logits.

        Returns:
            A function without arguments. It returns [rows, outputs] float32: the logits of the batch's pairs in their
            order, followed by those of padding rows, if the batch has any.
        """
        raise TypeError(f"{type(self).__name__} does not define how it computes")


AUTO = "auto"
ENGINES = Registry("lce_tf.reranking", "--engine", Engine, "lce_tf.reranking.engine.Engine", also=(AUTO,))
