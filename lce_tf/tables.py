"""`python -m lce_tf.tables`: replicates a table of the paper, from the first stage to the printed table."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from lce_tf.arguments import numbers, parser_for, quiet_tensorflow
from lce_tf.errors import UserError, guarded
from lce_tf.replication.presets import PRESETS
from lce_tf.replication.replicate import replicate
from lce_tf.replication.rows import TABLES

EXAMPLE = "python -m lce_tf.tables table1 --preset smoke"


def parser() -> argparse.ArgumentParser:
    """The door's command line."""
    result = parser_for("tables", __doc__.partition(": ")[2], EXAMPLE)
    add = result.add_argument
    add("table", choices=TABLES, help="which table")
    add("--preset", choices=PRESETS, default="pydocs", help="data, backbone and settings")
    add("--output", help="folder of all products and of the table (default: runs/PRESET)")
    add("--seeds", type=numbers, metavar="N,N,...", help="train every row with each seed: mean and spread")
    flags = result.add_argument_group("instead of the preset's")
    flags.add_argument("--queries", type=int, help="dev queries, the first by id")
    flags.add_argument("--depth", type=int, help="passages a query to rerank")
    flags.add_argument("--steps", type=int, help="training steps")
    flags.add_argument("--batch", type=int, help="groups (cross entropy: pairs) a step")
    flags.add_argument("--learning-rate", type=float, help="its peak")
    flags.add_argument("--backbone", help="folder, minilm, or Hugging Face id of the pretrained encoder")
    flags.add_argument("--precision", help="auto, float32, mixed_float16, mixed_bfloat16 or products_bfloat16")
    flags.add_argument("--devices", type=int, help="GPUs to train on (default: all), or logical CPU devices")
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status 0, or 2 after one line about what is wrong."""
    quiet_tensorflow()
    return guarded(_main, parser().parse_args(argv))


def _main(arguments: argparse.Namespace) -> None:
    flags = vars(arguments).copy()
    table, preset = TABLES[flags.pop("table")], PRESETS[flags.pop("preset")]
    output, seeds = flags.pop("output") or f"runs/{preset.name}", flags.pop("seeds")
    if seeds is not None and (not seeds or len(set(seeds)) != len(seeds)):
        raise UserError("--seeds: give one or more different whole numbers, such as 1,2,3")
    report = replicate(table, preset.override(**flags), output, seeds)
    print(report.markdown())
    print(f"written: {Path(output) / table.name}.md, .tex, .json, .png, .svg")


if __name__ == "__main__":
    sys.exit(main())
