"""`python -m lce_tf.holdout`: holds queries of a run out, to choose, calibrate and learn weights on."""

import argparse
import sys

from lce_tf.data.holdout import HoldoutConfig, holdout
from lce_tf.foundation.arguments import callable_module, command_main, parser_for
from lce_tf.foundation.settings import add_options, from_options

EXAMPLE = """python -m lce_tf.holdout --dataset pydocs --split train --held-out 500 --output bm25 bm25.train.trec
  python -m lce_tf.train --dataset pydocs --run bm25.rest.trec --backbone minilm --loss lce --group 8 \\
      --dev-run bm25.held.trec --dev-split train --evaluate-every 100 --keep best --output lce8

Which queries are drawn depends on their ids alone, so other runs of the same queries are divided in the same way."""


def parser() -> argparse.ArgumentParser:
    """The command's argument parser."""
    result = parser_for("holdout", __doc__.partition(": ")[2], EXAMPLE)
    add_options(result, HoldoutConfig, fill=True)
    return result


def _main(arguments: argparse.Namespace) -> None:
    config = from_options(HoldoutConfig, arguments)
    made = holdout(config)
    if not made.found:
        print(
            f"note: {config.run}: lists no relevant passage for any query held out, so measures on them would be 0; "
            "take a first stage's run, or say --with-relevant",
            file=sys.stderr,
        )
    rest, held, qrels = config.files
    print(f"{len(made.rest.query_ids)} queries, {len(made.rest)} rows: {rest}")
    print(f"{len(made.held.query_ids)} queries, {len(made.held)} rows: {held}")
    print(f"{sum(map(len, made.qrels.values()))} judgments: {qrels}")


__all__ = ["holdout", "main", "parser"]
main = command_main(parser, _main)
callable_module(__name__)

if __name__ == "__main__":
    sys.exit(main())
