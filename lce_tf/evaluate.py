"""`python -m lce_tf.evaluate`: a table of measures for runs, over every judged query."""

import argparse
import sys
from collections.abc import Mapping, Sequence

from lce_tf.arguments import HelpFormatter, callable_door
from lce_tf.errors import guarded
from lce_tf.evaluation.inputs import add_judgment_options, aligned, judged_runs
from lce_tf.evaluation.measures import EXAMPLES, evaluate, mean
from lce_tf.evaluation.ties import Ties, ties
from lce_tf.files import write_json

_EXAMPLE = """example, from a checkout:
  python -m lce_tf.evaluate --qrels tests/files/dl19.qrels.txt.gz --measures MRR@10 'AP(rel=2)' nDCG@10 -- \\
      tests/files/dl19.bm25.trec.gz tests/files/dl19.colbert.trec.gz

Every judged query counts; one that a run lacks scores 0. Equal scores are ordered by the run's ranks; --ties shows
what other orders would give.
"""


def parser() -> argparse.ArgumentParser:
    """The command line of this door."""
    options = argparse.ArgumentParser(
        description="Prints a table of measures for runs, over every judged query.",
        epilog=_EXAMPLE,
        formatter_class=HelpFormatter,
    )
    options.add_argument(
        "runs", nargs="+", metavar="RUN", help="run files, TREC, MS MARCO or ColBERT layout, compressed or not"
    )
    add_judgment_options(options)
    options.add_argument(
        "--measures", nargs="+", metavar="M", default=["MRR@10", "R@1000", "nDCG@10"], help=f"such as {EXAMPLES}"
    )
    options.add_argument(
        "--ties",
        action="store_true",
        help="show what equal scores leave open: the worst, expected and best value, and the share of tied pairs",
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


def ties_table(values: Mapping[str, Mapping[str, Mapping[str, float]]], found: Mapping[str, Ties]) -> str:
    """A row for each run and measure with its means, four digits, then a line a run on how much is tied."""
    rows = [["run", "measure", "value", "worst", "expected", "best"]]
    for name, left_open in found.items():
        for measure, value in values[name].items():
            four = (value, left_open.worst[measure], left_open.expected[measure], left_open.best[measure])
            rows.append([name, measure, *(f"{mean(per_query):.4f}" for per_query in four)])
    tied = (
        f"{name}: {part.tied_pairs} of {part.pairs} pairs of passages of one query tied ({part.share:.2%}), "
        f"in {part.queries} queries"
        for name, part in found.items()
    )
    return "\n".join([aligned(rows), *tied])


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the table; returns the exit status, 2 for bad input."""
    return guarded(_run, parser().parse_args(argv))


def _run(args: argparse.Namespace) -> None:
    values, found = {}, {}
    named = {name: getattr(args, name) for name in ("dataset", "split", "qrels", "format")}
    runs = judged_runs(args.runs, args.measures, **named)
    for name, run, judged in runs:
        values[name] = evaluate(run, judged, args.measures)
        if args.ties:
            found[name] = ties(run, judged, values[name])
    if args.per_query:
        write_json(args.per_query, values)
    print(ties_table(values, found) if args.ties else table(values, args.measures))
    queries = len(next(iter(next(iter(values.values())).values())))
    print(f"{queries} judged queries")


callable_door(__name__)

if __name__ == "__main__":
    sys.exit(main())
