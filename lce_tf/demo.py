"""`python -m lce_tf.demo`: trains a small cross-encoder, reranks with it, and writes a page of what changed."""

import argparse
import sys
import webbrowser

from lce_tf.foundation.arguments import callable_module, command_main, parser_for
from lce_tf.foundation.footprint import Footprint
from lce_tf.replication.demo import demo
from lce_tf.replication.presets import PRESETS

EXAMPLE = "python -m lce_tf.demo --open"
_PRESET = "demo"


def parser() -> argparse.ArgumentParser:
    """The command's argument parser."""
    result = parser_for("demo", __doc__.partition(": ")[2], EXAMPLE)
    add = result.add_argument
    add("--preset", choices=PRESETS, default=_PRESET, help="data, backbone and settings")
    add("--output", help="folder of all that is made (default: runs/PRESET)")
    add("--open", action="store_true", help="open the page in a browser")
    return result


def _main(arguments: argparse.Namespace) -> None:
    footprint = Footprint()
    made = demo(PRESETS[arguments.preset], arguments.output or f"runs/{arguments.preset}")
    print(f"{made.text()}\n{footprint}")
    if arguments.open:
        webbrowser.open(made.page.resolve().as_uri())


main = command_main(parser, _main)
callable_module(__name__)

if __name__ == "__main__":
    sys.exit(main())
