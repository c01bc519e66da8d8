"""`python -m lce_tf.suite`: measures rerankers on a list of data sets, in one table."""

import argparse
import sys
from pathlib import Path

from lce_tf.foundation.arguments import callable_module, command_main, parser_for
from lce_tf.foundation.files import write_json
from lce_tf.foundation.settings import add_options
from lce_tf.studies import suite as studies
from lce_tf.studies.sets import NAMES
from lce_tf.studies.suite import Outcome, SuiteConfig
from lce_tf.studies.suite_table import as_json, table

EXAMPLE = """python -m lce_tf.suite --sets dl19 dl20 nanobeir mine=./mine:dev --checkpoints lce8=runs/lce8 \\
      --output suites/lce8"""
HOW = ("first_stage", "depth", "candidates", "language", "measures", "alpha", "engine", "precision", "format")


def parser() -> argparse.ArgumentParser:
    """The command's argument parser."""
    result = parser_for("suite", __doc__.partition(": ")[2], EXAMPLE)
    add = result.add_argument
    sets = f"{', '.join(NAMES)}, or a data set and its split: ir_datasets id or folder"
    add("--sets", nargs="+", required=True, metavar="[NAME=]DATASET[:SPLIT]", help=sets)
    add("--checkpoints", nargs="+", default=(), metavar="[NAME=]CHECKPOINT", help="rerankers to measure")
    runs = "finished runs to put beside them; {set} in FILE is the set's name"
    add("--runs", nargs="+", default=(), metavar="NAME=FILE", help=runs)
    add("--output", required=True, help="the folder for all that is made; the same call goes on there")
    add_options(result, SuiteConfig, HOW, fill=True)
    return result


def suite(config: SuiteConfig) -> Outcome:
    """The values of every system on every set that is here; also written to `suite.json` in the output folder.

    Raises:
        UserError: bad input, in one line.
    """
    outcome = studies.suite(config)
    write_json(Path(config.output) / "suite.json", as_json(outcome, config.measures, config.alpha))
    return outcome


def _main(arguments: argparse.Namespace) -> None:
    flags = vars(arguments)
    lists = {name: tuple(flags.pop(name)) for name in ("sets", "checkpoints", "runs")}
    config = SuiteConfig(**lists, **flags)
    outcome = suite(config)
    print("\n\n".join(table(outcome, measure, config.alpha) for measure in config.measures))


main = command_main(parser, _main)
callable_module(__name__)

if __name__ == "__main__":
    sys.exit(main())
