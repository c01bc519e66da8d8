"""`python -m lce_tf.soup`: averages the weights of several checkpoints into one."""

import argparse
import sys

from lce_tf.foundation.arguments import callable_module, command_main, parser_for
from lce_tf.foundation.settings import add_options
from lce_tf.fusion.soup import SoupConfig, soup

EXAMPLE = """python -m lce_tf.soup --output models/soup models/seed1 models/seed2 models/seed3"""


def parser() -> argparse.ArgumentParser:
    """The command's argument parser."""
    result = parser_for("soup", __doc__.partition(": ")[2], EXAMPLE)
    help = "trained cross-encoders of one shape, such as trainings with several seeds"
    result.add_argument("checkpoints", nargs="+", metavar="CHECKPOINT", help=help)
    result.add_argument("--output", required=True, help="the checkpoint's folder to write, new or empty")
    add_options(result, SoupConfig, ("weights",), fill=True)
    return result


def _main(arguments: argparse.Namespace) -> None:
    config = SoupConfig(tuple(arguments.checkpoints), arguments.output, arguments.weights)
    print(f"{len(config.checkpoints)} checkpoints averaged: {soup(config)}")


__all__ = ["main", "parser", "soup"]
main = command_main(parser, _main)
callable_module(__name__)

if __name__ == "__main__":
    sys.exit(main())
