"""`python -m lce_tf.import`: makes a data set, with a run of its negatives, of training data as other tools have it."""

import argparse
import sys

from lce_tf.foundation.arguments import command_main, parser_for
from lce_tf.importing.formats import FORMATS
from lce_tf.importing.make import SPLIT, import_files

_FORMATS = "\n  ".join(f"{one.name}: {one.needed()}" for one in FORMATS)
EXAMPLE = f"""python -m lce_tf.import --output mine rows.jsonl.gz triples.tsv
  python -m lce_tf.train --dataset mine --run mine/train.trec --loss lce --group 8 --output models/mine

Rows are JSON objects, one a line, with the keys of one of these formats. In files of columns with tabs between, the
first line names the keys, or the columns are query, positive and negative.
  {_FORMATS}"""


def parser() -> argparse.ArgumentParser:
    """The command's argument parser."""
    result = parser_for("import", __doc__.partition(": ")[2], EXAMPLE)
    add = result.add_argument
    add("files", nargs="+", metavar="FILE", help="files of rows, compressed or not, which become one data set")
    add("--output", required=True, metavar="FOLDER", help="the data set's folder, new or empty")
    add("--split", default=SPLIT, help="name of the split")
    add(
        "--relevant",
        type=float,
        metavar="LABEL",
        help="for labels that are not whole numbers: passages are relevant from this label on, and the labels become a "
        "teacher's scores",
    )
    return result


def _main(arguments: argparse.Namespace) -> None:
    made = import_files(arguments.files, arguments.output, arguments.split, arguments.relevant)
    print(made.text())


main = command_main(parser, _main)

if __name__ == "__main__":
    sys.exit(main())
