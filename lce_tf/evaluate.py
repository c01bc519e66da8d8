"""`python -m lce_tf.evaluate`: a table of measures for runs, over every judged query."""

import argparse
import sys
from collections.abc import Mapping, Sequence

from lce_tf.arguments import HelpFormatter
from lce_tf.errors import guarded
from lce_tf.evaluation.inputs import add_judgment_options, aligned, evaluate_files
from lce_tf.evaluation.measures import EXAMPLES, mean
from lce_tf.files import write_json

_EXAMPLE = """example, from a checkout:
  python -m lce_tf.evaluate --qrels tests/files/dl19.qrels.txt.gz --measures MRR@10 'AP(rel=2)' nDCG@10 -- \\
      tests/files/dl19.bm25.trec.gz tests/files/dl19.colbert.trec.gz

Every judged query counts; one that a run lacks scores 0. Equal scores are ordered by the run's ranks.
"""


def parser() -> argparse.ArgumentParser:
    """The command line of this door."""
    options = argparse.ArgumentParser(
        description="Prints a table of measures for runs, over every judged query.",
        epilog=_EXAMPLE,
        formatter_class=HelpFormatter,
    )
    options.add_argument("runs", nargs="+", metavar="RUN", help="run files, TREC or MS MARCO layout, .gz too")
    add_judgment_options(options)
    options.add_argument(
        "--measures", nargs="+", metavar="M", default=["MRR@10", "R@1000", "nDCG@10"], help=f"such as {EXAMPLES}"
    )
    options.add_argument(
        "--per-query", metavar="FILE", help="also write run -> measure -> query -> value here, as JSON"
    )
    return options


def table(values: Mapping[str, Mapping[str, Mapping[str, float]]], measures: Sequence[str]) -> str:
    """The means of `values` (run -> measure -> query id -> value) as aligned text, four digits."""
    rows = [["run", *measures]]
    for name, found in values.items():
        rows.append([name, *(f"{mean(found[measure]):.4f}" for measure in measures)])
    return aligned(rows)


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the table; returns the exit status, 2 for bad input."""
    return guarded(_run, parser().parse_args(argv))


def _run(args: argparse.Namespace) -> None:
    values = evaluate_files(args.runs, args.measures, dataset=args.dataset, split=args.split, qrels=args.qrels)
    if args.per_query:
        write_json(args.per_query, values)
    print(table(values, args.measures))
    queries = len(next(iter(next(iter(values.values())).values())))
    print(f"{queries} judged queries")


if __name__ == "__main__":
    sys.exit(main())
