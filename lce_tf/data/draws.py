"""Random numbers as a pure function of a key. There is no state, so the order of the draws does not matter."""

import hashlib
from collections.abc import Iterable

import numpy as np

# The purpose of a draw is a part of its key, so that draws for different purposes are independent.
# In training, after the seed.
GROUP_ORDER, POSITIVE, NEGATIVE, DROPOUT, FURTHER_POSITIVES = 1, 2, 3, 4, 5
# Elsewhere. Two numbers are used twice, in keys whose other parts differ; what was drawn with them stays as it was.
LISTED_NEGATIVES, EXAMPLES, TUNING_QUERIES = 4, 5, 4

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX2 = np.uint64(0x94D049BB133111EB)


def mix(values: np.ndarray) -> np.ndarray:
    """uint64 of the same shape, uniform and independent for distinct inputs (SplitMix64's finaliser).

    Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
    """
    with np.errstate(over="ignore"):
        values = np.asarray(values, np.uint64) + _GOLDEN
        values = (values ^ (values >> np.uint64(30))) * _MIX1
        values = (values ^ (values >> np.uint64(27))) * _MIX2
        return values ^ (values >> np.uint64(31))


def draw(*key: int | np.ndarray) -> np.ndarray:
    """uint64 draws for keys given as several parts; the parts are broadcast against each other."""
    value = np.uint64(0)
    for part in key:
        value = mix(value ^ mix(np.asarray(part).astype(np.uint64)))
    return value


def dropout_seed(seed: int, step: int) -> int:
    """A training step's part of the seed of its dropout masks, 31 bits."""
    return int(draw(seed, DROPOUT, step) >> 33)


def id_keys(names: Iterable[bytes]) -> np.ndarray:
    """[ids] uint64: a hash of each id, so that draws for an id depend neither on other ids nor on their order."""
    digests = (hashlib.blake2b(name, digest_size=8).digest() for name in names)
    return np.frombuffer(b"".join(digests), dtype="<u8")
