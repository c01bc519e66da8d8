"""What an engine is: something that turns packed pairs into logits, and knows nothing of scores or ranks."""

from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np

from lce_tf.tokens.packing import Packed, PackedTokens

# (which rows, their packed pairs) in, (which rows, their logits [pairs, outputs] float32) out, in any order; after the
# logits of the rows may come some without meaning.
Batches = Iterator[tuple[np.ndarray, Packed | PackedTokens]]
Sink = Callable[[np.ndarray, np.ndarray], None]


class Engine(Protocol):
    """What scoring needs of an engine.

    Attributes:
        name, precision: for manifests and for the hash that resuming checks.
        tokens: padded wordpieces a batch should hold.
        steady: whether a pair's logits are the same to the bit in a batch of any size at any width that is a multiple
            of 16, as on a CPU; an accelerator takes other kernels for other sizes.
        rows: gives how pairs of at most so many wordpieces share rows; absent: each is padded to a width of its own.
    """

    name: str
    precision: str
    tokens: int
    steady: bool

    def run(self, batches: Batches, sink: Sink) -> None:
        """Feeds every batch's logits to `sink`."""
