"""Bucket numbers of distances between tokens, as transformers computes them."""

import numpy as np

# Largest distance in the tables.
FARTHEST = 8192


def t5_buckets(buckets: int, longest: int) -> np.ndarray:
    """[2 * FARTHEST + 1] int32: the bucket of each distance (key - query) from -FARTHEST on, as in T5 and MPNet.

    Half of the buckets are for keys after the query, half for the others. In each half, the first half of the buckets
    hold one distance each; the rest hold ranges that grow logarithmically up to `longest`.
    """
    distance = np.arange(-FARTHEST, FARTHEST + 1)
    half = buckets // 2
    exact, far = half // 2, np.abs(distance)
    with np.errstate(divide="ignore"):
        share = np.log(far.astype(np.float32) / np.float32(exact)) / np.float32(np.log(longest / exact))
    steps = np.where(far > 0, share, 0) * np.float32(half - exact)
    large = np.minimum(exact + steps.astype(np.int64), half - 1)
    return ((distance > 0) * half + np.where(far < exact, far, large)).astype(np.int32)


def deberta_buckets(buckets: int, longest: int) -> np.ndarray:
    """[2 * FARTHEST + 1] int32: the signed bucket of each distance (query - key) from -FARTHEST on, as in DeBERTa.

    Up to half the buckets, a distance is its own bucket; beyond, buckets grow with its logarithm up to `longest`. With
    0 buckets every distance is its own bucket.
    """
    distance = np.arange(-FARTHEST, FARTHEST + 1)
    if not buckets:
        return distance.astype(np.int32)
    middle = buckets // 2
    far = np.where(np.abs(distance) < middle, middle - 1, np.abs(distance)).astype(np.float32)
    share = np.log(far / np.float32(middle)) / np.log(np.float32((longest - 1) / middle))
    large = np.ceil(share * np.float32(middle - 1)) + middle
    return np.where(far <= middle, distance, large * np.sign(distance)).astype(np.int32)
