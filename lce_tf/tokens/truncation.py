"""Truncation of pairs that are too long, in which both texts may be cut."""

import numpy as np


def longest_first(query: np.ndarray, passage: np.ndarray, room: int) -> tuple[np.ndarray, np.ndarray]:
    """The tokens that each text keeps if the longer text of a pair is truncated first.

    A pair that fits into `room` is kept whole. Otherwise a text of at most room / 2 tokens is kept whole and the longer
    one gets the rest. If both are longer, each keeps half of the room, and the longer one (the passage if they are
    equal) gets the odd token. Source: `truncation="longest_first"` of Hugging Face's tokenizers.

    Args:
        query, passage: [pairs] int64, tokens of each text.
        room: maximum number of tokens of both texts together.

    Returns:
        Tokens kept of query and passage, [pairs] int64 each.
    """
    shorter = np.minimum(query, passage)
    shorter_kept, longer_kept = np.minimum(shorter, room // 2), np.maximum(room - shorter, room - room // 2)
    fits = query + passage <= room
    swapped = query > passage
    kept_query = np.where(fits, query, np.where(swapped, longer_kept, shorter_kept))
    return kept_query, np.where(fits, passage, np.where(swapped, shorter_kept, longer_kept))
