"""`python -m lce_tf.merge`: joins the shards of a run that several machines reranked."""

import argparse
import sys

from lce_tf.foundation.arguments import callable_module, command_main, parser_for
from lce_tf.reranking.merge import merge

EXAMPLE = """python -m lce_tf.merge lce8.dev.trec
  python -m lce_tf.merge --shards a/lce8.shard-0-of-2 b/lce8.shard-1-of-2 -- lce8.dev.trec"""


def parser() -> argparse.ArgumentParser:
    """The command's argument parser."""
    result = parser_for("merge", __doc__.partition(": ")[2], EXAMPLE)
    result.add_argument("output", help="the run to write; raw scores go to OUTPUT.scores.npz, facts to OUTPUT.json")
    result.add_argument(
        "--shards",
        nargs="+",
        metavar="FILE",
        help="what lce rerank --shard wrote, with .scores.npz and .json beside (default: OUTPUT.shard-*-of-*)",
    )
    return result


def _main(arguments: argparse.Namespace) -> None:
    result = merge(arguments.output, arguments.shards)
    print(f"{len(result.query_ids)} queries, {len(result)} rows: {arguments.output}")


main = command_main(parser, _main)
callable_module(__name__)

if __name__ == "__main__":
    sys.exit(main())
