"""`python -m lce_tf.score`: writes a teacher's scores of what groups are drawn from, for a student to learn from."""

import argparse
import sys
from collections.abc import Sequence

from lce_tf.arguments import parser_for, quiet_tensorflow
from lce_tf.errors import guarded
from lce_tf.reranking.options import CHECKPOINT, add_scoring_options, run_job

EXAMPLE = """python -m lce_tf.score --checkpoint runs/teacher --dataset pydocs --split train \\
      --run bm25.train.trec --depth 200 --output teacher.train.trec
  python -m lce_tf.train --loss margin-mse --teacher teacher.train.trec --run bm25.train.trec --dataset pydocs"""


def parser() -> argparse.ArgumentParser:
    """The door's command line."""
    result = parser_for("score", __doc__.partition(": ")[2], EXAMPLE)
    add = result.add_argument
    add("--checkpoint", required=True, help=f"the teacher: {CHECKPOINT}")
    add("--dataset", default="pydocs", help="queries, passages and judgments: ir_datasets id, folder or pydocs")
    add("--split", default="train", help="the data set's split whose queries the run is of")
    add("--run", required=True, help="the run that the student's negatives come from")
    add("--output", required=True, help="the run to write, with the judged relevant passages beside those of the run")
    add("--depth", type=int, default=200, help="passages a query to score, as the student's --negatives-depth")
    add("--tag", default="teacher", help="the run's name in its last column")
    add_scoring_options(result)
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status 0, or 2 after one line about what is wrong."""
    quiet_tensorflow()
    return guarded(run_job, parser().parse_args(argv), judged=True)


if __name__ == "__main__":
    sys.exit(main())
