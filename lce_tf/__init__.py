"""Cross-encoders in TensorFlow: first-stage runs in, localized contrastive training, reranked runs out.

Importing the package loads no other module. The names in `__all__` are the public API; each is loaded at first use,
such as by `from lce_tf import Reranker`. The lower-case names are the modules of the commands, which can be called:
`from lce_tf import train; train(TrainConfig(...), "models/mine")` does what `python -m lce_tf.train` does.
"""

import os
import sys
from typing import Any

__version__ = "0.1.0"
# Name -> the module that holds it.
_HOMES = {
    "CalibrateConfig": "reranking.calibrate",
    "CascadeConfig": "studies.cascade",
    "CompareConfig": "compare",
    "CurveConfig": "studies.curve",
    "ENGINES": "reranking.engine",
    "DistilConfig": "multistage.distil",
    "EXPORTERS": "exporting.exporter",
    "EvaluateConfig": "evaluate",
    "FuseConfig": "fusion.fuse",
    "HoldoutConfig": "data.holdout",
    "LOSSES": "losses",
    "MineConfig": "multistage.mine",
    "NegativesConfig": "hard_negatives.config",
    "RETRIEVERS": "retrieval.registry",
    "ReportConfig": "reporting.page",
    "Ranked": "reranker",
    "RerankConfig": "reranking.rerank",
    "Reranker": "reranker",
    "ScoreConfig": "reranking.rerank",
    "SearchConfig": "multistage.search",
    "SoupConfig": "fusion.soup",
    "SuiteConfig": "studies.suite",
    "TrainConfig": "training.config",
    "import_files": "importing.make",
    "import_rows": "importing.make",
}
_COMMANDS = (
    "calibrate",
    "cascade",
    "compare",
    "curve",
    "demo",
    "distil",
    "evaluate",
    "export",
    "fuse",
    "holdout",
    "merge",
    "mine",
    "negatives",
    "report",
    "rerank",
    "retrieve",
    "search",
    "soup",
    "suite",
    "train",
)
__all__ = [*_HOMES, *_COMMANDS]  # noqa: PLE0604


def interrupted(number: int, frame: Any) -> None:
    """Handles Ctrl-C until `lce_tf.foundation.exits.guarded` does: one line instead of a traceback through imports."""
    os.write(2, b"interrupted\n")
    os._exit(130)


if sys.argv[:1] == ["-m"]:  # `python -m lce_tf.X`, whose module X is imported next
    import signal

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupted)


def __getattr__(name: str) -> Any:
    import importlib

    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    if name in _COMMANDS:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
