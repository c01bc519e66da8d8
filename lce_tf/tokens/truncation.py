"""How a pair that is too long is cut where both of its texts may give way."""

import numpy as np


def longest_first(query: np.ndarray, passage: np.ndarray, room: int) -> tuple[np.ndarray, np.ndarray]:
    """Tokens kept of each text where whichever is longer gives way first.

    The shorter text is kept whole while the longer one fits beside it with as many tokens as it has; where even that
    is too much, both keep half of the room, and the longer one has the odd token. Source: `truncation="longest_first"`
    of Hugging Face's tokenizers.

    Args:
        query, passage: [pairs] int64, tokens of each text.
        room: tokens that both may have together.

    Returns:
        [pairs] int64 each.
    """
    shorter = np.minimum(query, passage)
    shorter_kept, longer_kept = np.minimum(shorter, room // 2), np.maximum(room - shorter, room - room // 2)
    fits = query + passage <= room
    swapped = query > passage
    kept_query = np.where(fits, query, np.where(swapped, longer_kept, shorter_kept))
    return kept_query, np.where(fits, passage, np.where(swapped, shorter_kept, longer_kept))
