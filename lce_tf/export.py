"""`python -m lce_tf.export`: writes a trained cross-encoder in a format that other tools read."""

import argparse
import shutil
import sys
from pathlib import Path

from lce_tf.errors import UserError
from lce_tf.exporting.exporter import EXPORTERS
from lce_tf.foundation.arguments import callable_module, command_main, parser_for
from lce_tf.model import hub
from lce_tf.model.checkpoint import locate

EXAMPLE = """python -m lce_tf.export --format hf --output lce8-hf --license apache-2.0 runs/lce8"""


def parser() -> argparse.ArgumentParser:
    """The command's argument parser."""
    result = parser_for("export", __doc__.partition(": ")[2], EXAMPLE)
    add = result.add_argument
    add("checkpoint", metavar="DIR", help="trained cross-encoder: the --output of lce_tf.train")
    formats = "; ".join(f"{name}: {EXPORTERS.about(name).help}" for name in EXPORTERS)
    add("--format", type=EXPORTERS.known, metavar="FORMAT", default="hf", help=formats)
    add("--output", required=True, help="the folder to write, new or empty")
    add("--license", default="unknown", help="the licence to name in it, such as apache-2.0")
    return result


def export(checkpoint: str | Path, output: str | Path, format: str = "hf", license: str = "unknown") -> Path:
    """Writes a trained cross-encoder in a format that `lce list exporters` names; returns what was written.

    Raises:
        UserError: no such format, no trained cross-encoder, or an output folder that is not empty.
    """
    watched = hub.watched(locate(checkpoint))
    written = EXPORTERS[format].write(checkpoint, output, license)
    try:
        watched.check()
    except UserError:
        shutil.rmtree(output, ignore_errors=True)  # it may record the hash of other weights than it holds
        raise
    return written


def _main(arguments: argparse.Namespace) -> None:
    written = export(arguments.checkpoint, arguments.output, arguments.format, arguments.license)
    print(f"{arguments.checkpoint}: {written}")


main = command_main(parser, _main)
callable_module(__name__)

if __name__ == "__main__":
    sys.exit(main())
