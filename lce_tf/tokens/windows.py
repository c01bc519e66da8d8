"""The windows of long documents: how many there are, where each begins."""

import numpy as np


def window_counts(lengths: np.ndarray, window: int, stride: int, most: int) -> np.ndarray:
    """How many windows documents have, max(1, ceil((length - window) / stride) + 1) and at most `most`.

    Windows begin at wordpieces 0, stride, 2 * stride, ... and no later than needed for one of them to reach the
    document's end; that one is as short as what is left. A document without wordpieces has one empty window.

    Args:
        lengths: [documents] int64, wordpieces of each.
        window: wordpieces a window.
        stride: from where one begins to where the next does, at most `window`.

    Returns:
        [documents] int64.
    """
    beyond = np.maximum(lengths - window, 0)
    return np.minimum(-(-beyond // stride) + 1, most)
