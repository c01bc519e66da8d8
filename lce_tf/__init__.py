"""Cross-encoders in TensorFlow: first-stage runs in, localized contrastive training, reranked runs out.

Importing the package loads nothing else; each part is imported from its own module. What a notebook needs can be
taken from the package itself, and is loaded when it is: `from lce_tf import Reranker`.
"""

from typing import Any

__version__ = "0.1.0"
__all__ = ["Ranked", "Reranker"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.reranker"), name)
