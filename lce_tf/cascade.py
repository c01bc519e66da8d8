"""`python -m lce_tf.cascade`: reranks a run with several models, each to a smaller depth than the one before."""

import argparse
import sys

from lce_tf.foundation.arguments import callable_module, command_main, parser_for, wants
from lce_tf.foundation.settings import add_options
from lce_tf.studies.cascade import CascadeConfig, Stage, cascade

EXAMPLE = """python -m lce_tf.cascade --stages runs/small:1000 runs/large:100 --dataset pydocs --split dev \\
      --run bm25.dev.trec --output cascade.dev.trec"""


def parser() -> argparse.ArgumentParser:
    """The command's argument parser."""
    result = parser_for("cascade", __doc__.partition(": ")[2], EXAMPLE)
    add = result.add_argument
    stage = wants("a checkpoint and the passages a query that it scores, such as runs/small:1000")(Stage.parse)
    add("--stages", nargs="+", required=True, type=stage, metavar="CHECKPOINT:DEPTH", help="the cheapest model first")
    add("--dataset", default="pydocs", help="texts of queries and passages: ir_datasets id, folder or pydocs")
    add_options(result, CascadeConfig, ("split",), fill=True)
    add("--run", required=True, help="the run to rerank, TREC's six columns or MS MARCO's three")
    add("--output", required=True, help="the run to write; that of stage i but the last goes to OUTPUT.stage-i")
    add_options(result, CascadeConfig, ("engine", "precision", "tag", "format"), fill=True)
    return result


def _main(arguments: argparse.Namespace) -> None:
    flags = vars(arguments)
    config = CascadeConfig(tuple(flags.pop("stages")), **flags)
    result, done = cascade(config)
    for stage, taken in zip(config.stages, done, strict=True):
        took = "resumed" if taken.seconds is None else f"{taken.seconds:.1f} s"
        state = took if taken.made else "there already"
        print(f"{stage.checkpoint} to depth {stage.depth}: {taken.pairs} pairs, {state}: {taken.file}")
    print(f"{len(result.query_ids)} queries, {len(result)} rows: {config.output}")


__all__ = ["cascade", "main", "parser"]
main = command_main(parser, _main)
callable_module(__name__)

if __name__ == "__main__":
    sys.exit(main())
