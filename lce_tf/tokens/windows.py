"""The number of overlapping windows that a long document is divided into."""

import numpy as np


def window_counts(lengths: np.ndarray, window: int, stride: int, most: int) -> np.ndarray:
    """The number of windows of each document: max(1, ceil((length - window) / stride) + 1), but at most `most`.

    Windows begin at wordpieces 0, stride, 2 * stride, ... The first one that reaches the document's end is the last;
    it is shorter than `window` if fewer wordpieces are left. An empty document has one empty window.

    Args:
        lengths: [documents] int64, wordpieces of each document.
        window: wordpieces per window.
        stride: wordpieces between the starts of two successive windows, at most `window`.
        most: maximum number of windows per document.

    Returns:
        [documents] int64.
    """
    beyond = np.maximum(lengths - window, 0)
    return np.minimum(-(-beyond // stride) + 1, most)
