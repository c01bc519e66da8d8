"""`python -m lce_tf.export`: writes a trained cross-encoder in a format that other tools read."""

import argparse
import sys
from collections.abc import Sequence

from lce_tf.arguments import parser_for, quiet_tensorflow
from lce_tf.errors import guarded
from lce_tf.exporting.huggingface import export_huggingface
from lce_tf.exporting.openvino import export_openvino_folder
from lce_tf.exporting.savedmodel import export_savedmodel

EXAMPLE = """python -m lce_tf.export --format hf --output lce8-hf --license apache-2.0 runs/lce8"""
# Name on the command line -> function of (checkpoint, output, license) that returns what it wrote.
FORMATS = {"hf": export_huggingface, "savedmodel": export_savedmodel, "openvino": export_openvino_folder}
FORMAT_HELP = (
    "hf: a folder for transformers and sentence-transformers; savedmodel: strings in, scores out, for TensorFlow "
    "Serving; openvino: openvino_model.xml beside the tokenizer"
)


def parser() -> argparse.ArgumentParser:
    """The door's command line."""
    result = parser_for("export", __doc__.partition(": ")[2], EXAMPLE)
    add = result.add_argument
    add("checkpoint", metavar="DIR", help="trained cross-encoder: the --output of lce_tf.train")
    add("--format", choices=FORMATS, default="hf", help=FORMAT_HELP)
    add("--output", required=True, help="the folder to write, new or empty")
    add("--license", default="unknown", help="the licence to name in it, such as apache-2.0")
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status 0, or 2 after one line about what is wrong."""
    quiet_tensorflow()
    return guarded(_main, parser().parse_args(argv))


def _main(arguments: argparse.Namespace) -> None:
    written = FORMATS[arguments.format](arguments.checkpoint, arguments.output, arguments.license)
    print(f"{arguments.checkpoint}: {written}")


if __name__ == "__main__":
    sys.exit(main())
