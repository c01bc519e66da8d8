"""Properties that hold for all inputs, tried on few of them by default and on `FUZZ=N` each where that is set."""

import collections
import functools
import os
from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy

EXAMPLES = int(os.environ.get("FUZZ") or 0)
tried: collections.Counter[str] = collections.Counter()


def fuzzed(examples: int, **strategies: SearchStrategy) -> Callable:
    """A test of a property: called with drawn arguments `examples` times, or $FUZZ times; `tried` counts the calls."""

    def decorate(test):
        # Not `wraps`, whose signature hypothesis would take the arguments' names from once more.
        def counted(**drawn):
            tried[test.__name__] += 1
            test(**drawn)

        functools.update_wrapper(counted, test)
        slow_to_draw = [HealthCheck.too_slow, HealthCheck.data_too_large]
        limits = settings(max_examples=EXAMPLES or examples, deadline=None, suppress_health_check=slow_to_draw)
        return limits(given(**strategies)(counted))

    return decorate
