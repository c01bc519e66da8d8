"""`python -m lce_tf.repeat`: trains or reranks again from a manifest alone, and says whether the result is the same."""

import argparse
import sys
from pathlib import Path

from lce_tf.errors import UserError
from lce_tf.foundation.arguments import command_main, parser_for

EXAMPLE = """python -m lce_tf.repeat runs/pydocs/models/lce-n8-bm25
  python -m lce_tf.repeat --output again.trec runs/pydocs/reranked/lce-n8-bm25.on.bm25.trec"""


def parser() -> argparse.ArgumentParser:
    """The command's argument parser."""
    result = parser_for("repeat", __doc__.partition(": ")[2], EXAMPLE)
    result.add_argument("product", nargs="+", help="folder of lce train, run of lce rerank, or folder of lce tables")
    result.add_argument(
        "--output", help="where the repetition is written, of a single product (default: PRODUCT.repeat)"
    )
    return result


def _main(arguments: argparse.Namespace) -> int:
    from lce_tf.replication.repeat import ENDING, found, newer, repeat

    products = [product for name in arguments.product for product in found(name)]
    if arguments.output and len(products) > 1:
        raise UserError(f"--output {arguments.output}: there are {len(products)} products to repeat; leave it out")
    differ = 0
    for product in products:
        for line in newer(product):
            print(line)
        for compared in repeat(product, arguments.output or Path(f"{product}{ENDING}")):
            print(compared, flush=True)
            differ += not compared.agrees
    print("repeated: all agrees" if not differ else f"repeated: {differ} files differ")
    return 1 if differ else 0


main = command_main(parser, _main)

if __name__ == "__main__":
    sys.exit(main())
