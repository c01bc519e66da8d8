"""`python -m lce_tf.distil`: makes smaller models of a checkpoint, trained from its own scores, and compares them."""

import argparse
import sys

from lce_tf.data.formats import add_format_option
from lce_tf.foundation import settings
from lce_tf.foundation.arguments import callable_module, command_main, parser_for
from lce_tf.foundation.settings import add_options
from lce_tf.losses import LOSSES
from lce_tf.multistage.distil import DistilConfig, distil, training_like
from lce_tf.multistage.scoring import ScoringConfig
from lce_tf.reranking.rerank import CHECKPOINT
from lce_tf.training.options import add_training_options, training_of

EXAMPLE = """python -m lce_tf.distil --checkpoint runs/lce8 --layers 3,2 --dataset pydocs --run bm25.train.trec \\
      --steps 1000 --batch 16 --learning-rate 5e-5 --dev-run bm25.dev.trec --output small

small/layers-3/model is a checkpoint like any other. With a --dev-run, small/table.md says what each student gives up in
quality, and how many pairs a second it scores. The same command goes on where an interrupted one stopped."""
# Training settings without a flag here: the command has its own flag for them, or fills them in.
FILLED = ("dataset", "run", "split", "format", "backbone", "layers", "teacher", "loss")


def parser() -> argparse.ArgumentParser:
    """The command's argument parser; lengths that are not given are the checkpoint's."""
    result = parser_for("distil", __doc__.partition(": ")[2], EXAMPLE)
    add = result.add_argument
    add("--checkpoint", required=True, help=f"the teacher: {CHECKPOINT}")
    add("--dataset", default="pydocs", help="queries, passages and judgments: ir_datasets id, folder or pydocs")
    add("--split", default="train", help="the data set's training split")
    add("--run", required=True, help="run whose top passages are scored and are the negatives")
    add("--output", required=True, help="folder for the teacher's scores, the students and the table")
    about = "loss that learns from a teacher, as lce list losses prints, or a class path"
    add("--loss", type=LOSSES.known, default="margin-mse", metavar="LOSS", help=about)
    add_format_option(result)
    add_options(result, DistilConfig, fill=True)
    add_options(result, ScoringConfig, fill=True)
    add_training_options(result, FILLED)
    return result


def _main(arguments: argparse.Namespace) -> None:
    flags = vars(arguments).copy()
    own = {name: flags.pop(name) for name in ("checkpoint", "output", "layers", "pick")}
    own["scoring"] = settings.from_options(ScoringConfig, arguments)
    # A placeholder, which `distil` replaces once the teacher's scores are written.
    flags = training_like(own["checkpoint"], {**flags, "teacher": "to be made"})
    found = distil(DistilConfig(training=training_of(flags), **own))
    for layers, folder in found.students.items():
        print(f"{layers} layers: {folder}")
    if found.table:
        print(f"\n{found.table}")


__all__ = ["distil", "main", "parser"]
main = command_main(parser, _main)
callable_module(__name__)

if __name__ == "__main__":
    sys.exit(main())
