"""Which of several settings is the fastest, found out on a few pairs before the rounds."""

import time
from collections.abc import Callable, Sequence
from typing import Any


def fastest(variants: Sequence[dict[str, Any]], try_out: Callable[[dict[str, Any]], Any]) -> tuple[dict, list[dict]]:
    """The variant that `try_out` takes the least time for, and the seconds of each.

    Each is tried twice, and the second time counts: the first one compiles. A single variant is tried all the same,
    which makes it warm.
    """
    tried = []
    for variant in variants:
        try_out(variant)
        start = time.perf_counter()
        try_out(variant)
        tried.append({**variant, "seconds": time.perf_counter() - start})
    best = min(range(len(variants)), key=lambda i: tried[i]["seconds"])
    return variants[best], tried


def named(variant: dict[str, Any]) -> str:
    """A variant in a few words, such as "precision bfloat16, tokens 8192"; "defaults" for none."""
    return ", ".join(f"{name} {value}" for name, value in variant.items()) or "defaults"
