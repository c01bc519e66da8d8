"""Chooses the fastest of several settings on a few pairs, before the rounds."""

import time
from collections.abc import Callable, Sequence
from typing import Any


def fastest(variants: Sequence[dict[str, Any]], try_out: Callable[[dict[str, Any]], Any]) -> tuple[dict, list[dict]]:
    """The fastest variant under `try_out`, and the seconds of each.

    Each is tried twice and the second time counts, because the first one compiles. A single variant is tried too, as a
    warm-up.
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
