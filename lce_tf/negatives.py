"""`python -m lce_tf.negatives`: makes the run that training takes its negatives from, and says what it left out."""

import argparse
import sys

from lce_tf.foundation.arguments import callable_module, command_main, parser_for
from lce_tf.foundation.settings import add_options
from lce_tf.hard_negatives.config import NegativesConfig
from lce_tf.hard_negatives.make import negatives

EXAMPLE = """python -m lce_tf.negatives --dataset pydocs --run bm25.train.trec dense.train.trec --shares 2,1 \\
      --last-rank 100 --per-query 50 --output mixed.train.trec
  python -m lce_tf.negatives --dataset pydocs --run bm25.train.trec --teacher teacher.train.trec \\
      --teacher-margin 2 --output cleaned.train.trec"""


def parser() -> argparse.ArgumentParser:
    """The command's argument parser."""
    result = parser_for("negatives", __doc__.partition(": ")[2], EXAMPLE)
    add = result.add_argument
    add("--dataset", default="pydocs", help="queries, passages and judgments: ir_datasets id, folder or pydocs")
    add("--run", nargs="+", required=True, dest="runs", metavar="RUN", help="one or several runs to take from")
    add("--output", required=True, help="the run to write; what each filter removed goes to OUTPUT.json")
    add("--teacher", nargs="+", default=(), metavar="RUN", help="runs with a teacher's scores, as lce score writes")
    add_options(result, NegativesConfig, fill=True)
    return result


def _main(arguments: argparse.Namespace) -> None:
    flags = {**vars(arguments), "runs": tuple(arguments.runs), "teacher": tuple(arguments.teacher)}
    made = negatives(NegativesConfig(**flags))
    print(made.text())
    print(f"{len(made.run.query_ids)} queries, {len(made.run)} rows: {flags['output']}")


__all__ = ["main", "negatives", "parser"]
main = command_main(parser, _main)
callable_module(__name__)

if __name__ == "__main__":
    sys.exit(main())
