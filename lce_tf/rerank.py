"""`python -m lce_tf.rerank`: scores a run with a trained cross-encoder and writes it in its new order."""

import argparse
import functools
import sys

from lce_tf.foundation.arguments import callable_module, command_main, parser_for
from lce_tf.reranking.options import add_job_options, run_job
from lce_tf.reranking.rerank import RerankConfig, rerank

EXAMPLE = """python -m lce_tf.rerank --checkpoint runs/lce8 --dataset pydocs --split dev \\
      --run bm25.dev.trec --depth 100 --output lce8.dev.trec"""


def parser() -> argparse.ArgumentParser:
    """The command's argument parser."""
    result = parser_for("rerank", __doc__.partition(": ")[2], EXAMPLE)
    add_job_options(result, RerankConfig)
    return result


__all__ = ["main", "parser", "rerank"]
main = command_main(parser, functools.partial(run_job, config=RerankConfig))
callable_module(__name__)

if __name__ == "__main__":
    sys.exit(main())
