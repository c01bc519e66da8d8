"""`python -m lce_tf.rerank`: scores a run with a trained cross-encoder and writes it in its new order."""

import argparse
import sys
from collections.abc import Sequence

from lce_tf.arguments import callable_door, parser_for, quiet_tensorflow
from lce_tf.errors import guarded
from lce_tf.reranking.options import add_job_options, run_job
from lce_tf.reranking.rerank import RerankConfig, rerank

EXAMPLE = """python -m lce_tf.rerank --checkpoint runs/lce8 --dataset pydocs --split dev \\
      --run bm25.dev.trec --depth 100 --output lce8.dev.trec"""


def parser() -> argparse.ArgumentParser:
    """The door's command line."""
    result = parser_for("rerank", __doc__.partition(": ")[2], EXAMPLE)
    add_job_options(result, RerankConfig)
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status 0, or 2 after one line about what is wrong."""
    quiet_tensorflow()
    return guarded(run_job, parser().parse_args(argv), RerankConfig)


__all__ = ["main", "parser", "rerank"]
callable_door(__name__)

if __name__ == "__main__":
    sys.exit(main())
