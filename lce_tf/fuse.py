"""`python -m lce_tf.fuse`: makes one run of several: reciprocal ranks, weighted sums, means of logits."""

import argparse
import sys
from pathlib import Path

from lce_tf.foundation.arguments import callable_module, command_main, parser_for
from lce_tf.foundation.settings import add_options
from lce_tf.fusion.fuse import LEARNING, FuseConfig, fuse

EXAMPLE = """python -m lce_tf.fuse --output fused.dev.trec bm25.dev.trec lce8.dev.trec
  python -m lce_tf.fuse --method sum --output fused.dev.trec bm25.dev.trec lce8.dev.trec \\
      --learn-runs bm25.held.trec lce8.held.trec --learn-qrels qrels.held.txt"""
LEARN = ("learn_qrels", "learn_dataset", "learn_split", "learn_measure", "learn_step")
HOW = ("method", "k", "normalisation", "weights", "missing", "scores", "depth", "tag", "format")


def parser() -> argparse.ArgumentParser:
    """The command's argument parser."""
    result = parser_for("fuse", __doc__.partition(": ")[2], EXAMPLE)
    add = result.add_argument
    add("runs", nargs="+", metavar="RUN", help="two or more runs over the same queries")
    add("--output", required=True, help="the run to write; values go to OUTPUT.scores.npz, facts to OUTPUT.json")
    add_options(result, FuseConfig, HOW, fill=True)
    part = result.add_argument_group(LEARNING)
    part.add_argument(
        "--learn-runs",
        nargs="+",
        default=(),
        metavar="RUN",
        help="for each RUN, in the same order, one of the same ranker over other queries",
    )
    add_options(part, FuseConfig, LEARN, fill=True)
    return result


def _main(arguments: argparse.Namespace) -> None:
    flags = vars(arguments)
    runs, learn_runs = tuple(flags.pop("runs")), tuple(flags.pop("learn_runs"))
    config = FuseConfig(runs, learn_runs=learn_runs, **flags)
    fused = fuse(config)
    if fused.learnt is not None:
        said = ", ".join(f"{Path(path).name} {weight:g}" for path, weight in zip(runs, fused.weights, strict=True))
        print(f"weights {said}: {config.learn_measure} {fused.learnt.value:.4f} on the queries learnt from")
    print(f"{len(fused.run.query_ids)} queries, {len(fused.run)} rows: {config.output}")


__all__ = ["fuse", "main", "parser"]
main = command_main(parser, _main)
callable_module(__name__)

if __name__ == "__main__":
    sys.exit(main())
