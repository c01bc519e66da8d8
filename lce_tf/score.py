"""`python -m lce_tf.score`: writes a teacher's scores of positives and candidates, for a student to learn from."""

import argparse
import functools
import sys

from lce_tf.foundation.arguments import command_main, parser_for
from lce_tf.reranking.options import add_job_options, run_job
from lce_tf.reranking.rerank import ScoreConfig

EXAMPLE = """python -m lce_tf.score --checkpoint runs/teacher --dataset pydocs --split train \\
      --run bm25.train.trec --depth 200 --output teacher.train.trec
  python -m lce_tf.train --loss margin-mse --teacher teacher.train.trec --run bm25.train.trec --dataset pydocs"""


def parser() -> argparse.ArgumentParser:
    """The command's argument parser."""
    result = parser_for("score", __doc__.partition(": ")[2], EXAMPLE)
    add_job_options(result, ScoreConfig)
    return result


main = command_main(parser, functools.partial(run_job, config=ScoreConfig))

if __name__ == "__main__":
    sys.exit(main())
