"""`python -m lce_tf.mine`: trains in rounds; the model of each round mines the negatives of the next."""

import argparse
import sys
from dataclasses import fields

from lce_tf.foundation import settings
from lce_tf.foundation.arguments import callable_module, command_main, parser_for
from lce_tf.hard_negatives.config import NegativesConfig
from lce_tf.losses import LOSSES
from lce_tf.multistage.mine import OWN, MineConfig, mine
from lce_tf.multistage.scoring import ScoringConfig
from lce_tf.training.options import add_training_options, training_of

EXAMPLE = """python -m lce_tf.mine --rounds 2 --dataset pydocs --run bm25.train.trec --per-query 30 \\
      --teacher-margin 2 --backbone minilm --steps 1000 --batch 16 --learning-rate 5e-5 \\
      --dev-run bm25.dev.trec --output mined

mined/round-2/model is a checkpoint like any other, mined/round-2/negatives.trec a run for lce train, and lce audit says
what was left out of it. With a --dev-run, mined/table.md compares the rounds. The same command goes on where an
interrupted one stopped."""
# Training settings without a flag here: the command has its own flag for them, or fills them in.
FILLED = ("dataset", "run", "split", "format", "teacher")


def parser() -> argparse.ArgumentParser:
    """The command's argument parser."""
    result = parser_for("mine", __doc__.partition(": ")[2], EXAMPLE)
    add = result.add_argument
    add("--dataset", default="pydocs", help="queries, passages and judgments: ir_datasets id, folder or pydocs")
    add("--run", nargs="+", required=True, dest="runs", metavar="RUN", help="one or several runs with the candidates")
    add("--output", required=True, help="folder for the rounds")
    add(
        "--teacher",
        nargs="+",
        default=(),
        metavar="RUN",
        help="runs with a teacher's scores, to find false negatives by in all rounds (default: the round before); of "
        "them the first is also the one that a --loss learns from",
    )
    settings.add_options(result, MineConfig, fill=True)
    names = [name for name in settings.having(NegativesConfig, "help") if name != "tag"]
    settings.add_options(result, NegativesConfig, names, fill=True)
    settings.add_options(result, ScoringConfig, fill=True)
    add_training_options(result, FILLED)
    return result


def _main(arguments: argparse.Namespace) -> None:
    found = mine(config_of(arguments))
    for number, (folder, run) in enumerate(zip(found.models, found.lists, strict=True), 1):
        print(f"round {number}: {folder}, from {run}")
    if found.table:
        print(f"\n{found.table}")


def config_of(arguments: argparse.Namespace) -> MineConfig:
    """The configuration that the arguments ask for."""
    flags = vars(arguments)
    teacher = tuple(flags["teacher"])
    filtered = flags["teacher_margin"] is not None or flags["teacher_share"] is not None
    taught = bool(flags["loss"]) and LOSSES.about(flags["loss"]).teacher and teacher
    # Without a filter a teacher may be there for the loss alone; otherwise `NegativesConfig` asks for a filter.
    filters = () if taught and not filtered else teacher or (OWN if filtered else ())
    listed = {one.name: flags[one.name] for one in fields(NegativesConfig) if one.name in flags}
    listed |= {"runs": tuple(flags["runs"]), "teacher": filters}
    asked = {**flags, "run": "to be made", "teacher": teacher[0] if taught else None}
    return MineConfig(
        training=training_of(asked),
        negatives=NegativesConfig(**listed),
        output=flags["output"],
        rounds=flags["rounds"],
        start=flags["start"],
        scoring=settings.from_options(ScoringConfig, arguments),
    )


__all__ = ["main", "mine", "parser"]
main = command_main(parser, _main)
callable_module(__name__)

if __name__ == "__main__":
    sys.exit(main())
