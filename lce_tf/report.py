"""`python -m lce_tf.report`: one HTML page about runs and trainings, to open, print or send."""

import argparse
import sys

from lce_tf.foundation.arguments import callable_module, command_main, parser_for
from lce_tf.foundation.destinations import is_stream
from lce_tf.foundation.settings import add_options, from_options
from lce_tf.reporting.page import ReportConfig
from lce_tf.reporting.report import report

_EXAMPLE = """python -m lce_tf.report --qrels tests/files/dl19.qrels.txt.gz \\
      --first-stage tests/files/dl19.bm25.trec.gz --measures nDCG@10 R@100 --output report.html -- \\
      tests/files/dl19.colbert.trec.gz

The files are the checkout's. Every judged query counts; one that a run lacks scores 0. Equal scores are ordered by the
run's ranks."""


def parser() -> argparse.ArgumentParser:
    """The command's argument parser."""
    options = parser_for(
        "report",
        "Writes one HTML page about runs and trainings: measures with significance, training curves, ranks "
        "of relevant passages, and the queries that win and lose against the first stage.",
        _EXAMPLE,
    )
    add_options(options, ReportConfig, fill=True)
    return options


def _run(args: argparse.Namespace) -> None:
    print(report(from_options(ReportConfig, args)), file=sys.stderr if is_stream(args.output) else sys.stdout)


__all__ = ["main", "parser", "report"]
main = command_main(parser, _run)
callable_module(__name__)

if __name__ == "__main__":
    sys.exit(main())
