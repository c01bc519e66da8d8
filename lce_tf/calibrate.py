"""`python -m lce_tf.calibrate`: fits probabilities of relevance to a checkpoint's scores, and keeps them with it."""

import argparse
import sys

from lce_tf.foundation.arguments import callable_module, command_main, parser_for
from lce_tf.foundation.settings import add_options
from lce_tf.reranking.calibrate import CalibrateConfig, calibrate

EXAMPLE = """python -m lce_tf.calibrate --checkpoint runs/lce8 --run lce8.dl19.trec --qrels dl19.qrels.txt"""
HOW = ("method", "relevant", "unjudged", "held_out", "bins", "seed")


def parser() -> argparse.ArgumentParser:
    """The command's argument parser."""
    result = parser_for("calibrate", __doc__.partition(": ")[2], EXAMPLE)
    add = result.add_argument
    add("--checkpoint", required=True, help="trained cross-encoder; the calibration is written into its folder")
    add("--run", required=True, help="a run that lce rerank wrote with it, with .scores.npz and .json beside")
    source = result.add_mutually_exclusive_group(required=True)
    source.add_argument("--qrels", help="take the judgments in this file (TREC's four columns, or BEIR's three)")
    source.add_argument("--dataset", help="take the judgments of this data set: ir_datasets id, folder or pydocs")
    add("--split", help="the data set's split, e.g. dev; only with --dataset")
    add_options(result, CalibrateConfig, HOW, fill=True)
    return result


def _main(arguments: argparse.Namespace) -> None:
    found = calibrate(CalibrateConfig(**vars(arguments)))
    for name, part in (("fitted to", found.fitted), ("held out", found.held_out)):
        print(f"{name}: {part.queries} queries, {len(part.scores)} pairs, {int(part.relevant.sum())} of them relevant")
    for name, one in (("before", found.before), ("after", found.after)):
        print(f"{name}, on the queries held out: expected calibration error {one.ece:.4f}, Brier score {one.brier:.4f}")


__all__ = ["calibrate", "main", "parser"]
main = command_main(parser, _main)
callable_module(__name__)

if __name__ == "__main__":
    sys.exit(main())
