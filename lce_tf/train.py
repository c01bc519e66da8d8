"""`python -m lce_tf.train`: trains a cross-encoder on groups of one positive and n - 1 hard negatives."""

import argparse
import sys
from dataclasses import fields, replace
from pathlib import Path

from lce_tf.errors import UserError
from lce_tf.foundation.arguments import callable_module, command_main, parser_for
from lce_tf.foundation.settings import add_options
from lce_tf.losses import LOSSES
from lce_tf.paper.rows import Checkpoint
from lce_tf.replication.presets import PRESETS, Preset
from lce_tf.replication.products import Products
from lce_tf.retrieval.registry import RETRIEVERS
from lce_tf.training.config import TrainConfig, follow
from lce_tf.training.job import train
from lce_tf.training.recipes import RECIPES, known_recipe
from lce_tf.training.stages import Stage, check_files, described, stages

_SETTINGS = tuple(one.name for one in fields(TrainConfig))
EXAMPLE = """python -m lce_tf.train --loss lce --group 8
  python -m lce_tf.train --dataset my-folder --run bm25.train.trec --loss lce --group 8 \\
      --backbone minilm --steps 1000 --batch 16 --learning-rate 5e-5 --output runs/mine

Without --dataset the settings left out are the preset's (pydocs by default); with it, the paper's.
The same command goes on where an interrupted training stopped."""


def parser() -> argparse.ArgumentParser:
    """The command's argument parser; a setting that is not given stays None and becomes the preset's or the paper's."""
    result = parser_for("train", __doc__.partition(": ")[2], EXAMPLE)
    result.set_defaults(split=None)
    add = result.add_argument
    add("--preset", choices=PRESETS, help="settings for whatever is not given (default: pydocs without --dataset)")
    add("--dataset", help="ir_datasets id, folder, or pydocs (default: the preset's)")
    add("--split", help="the data set's training split (default: train)")
    add("--run", help="run whose top passages are the negatives (default: that of --negatives, made if need be)")
    about = "without --run: the retriever, such as dense; lce list retrievers prints them"
    add("--negatives", type=RETRIEVERS.known, default="bm25", metavar="METHOD", help=about)
    add("--plan", action="store_true", help="print the recipe: source, published figure, settings, cost; train nothing")
    add("--output", help="folder for the result (default: runs/PRESET/models/LOSS-nGROUP-NEGATIVES)")
    add_options(result, TrainConfig, show_default="paper or default", grouped=True)
    return result


def _main(arguments: argparse.Namespace) -> None:
    flags = {"loss": TrainConfig.loss, "group": TrainConfig.group}
    flags |= {name: value for name, value in vars(arguments).items() if value is not None}
    name, negatives, output = flags.pop("preset", None), flags.pop("negatives"), flags.pop("output", None)
    given = {name: value for name, value in vars(arguments).items() if name in _SETTINGS and value is not None}
    recipe = known_recipe(flags.get("recipe", "paper"))
    if flags.pop("plan"):
        print(_plan(recipe, given, output))
        return
    if RECIPES[recipe].whole:
        if not {"dataset", "run"} <= set(flags) or name is not None:
            raise UserError(f"--recipe {recipe}: needs --dataset and --run, and no --preset; --plan says what they are")
        output = output or Path("runs") / Path(flags["dataset"]).name / "models" / f"{recipe}-{Path(flags['run']).stem}"
        planned = stages(recipe, given, output)
        check_files(planned)
        for config, folder in planned:
            print(f"trained: {train(config, folder)}", flush=True)
        return
    if "dataset" in flags and name is None:
        if "run" not in flags:
            raise UserError("--dataset needs --run: write one with python -m lce_tf.retrieve bm25 --split train")
        given = {name: value for name, value in flags.items() if name != "recipe"}
        config = follow(TrainConfig(**given), flags.get("recipe", "paper"), given)
        output = output or _default_output(None, config, Path(flags["run"]).stem)
    else:
        preset = PRESETS[name or "pydocs"]
        config = _from_preset(preset, flags, negatives)
        output = output or _default_output(preset, config, negatives)
    print(f"trained: {train(config, output)}")


def _plan(recipe: str, given: dict, output: str | None) -> str:
    """The recipe in words, with the given settings; files that are not given appear as placeholders."""
    files = {"dataset": "DATASET", "run": "RUN.trec", "teacher": "TEACHER.trec"}
    output = output or "FOLDER"
    if RECIPES[recipe].whole:
        return described(recipe, stages(recipe, {**files, **given}, output))
    taught = LOSSES.about(given.get("loss", TrainConfig.loss)).teacher
    base = {name: value for name, value in files.items() if taught or name != "teacher"}
    config = follow(TrainConfig(**{"group": TrainConfig.group, **base, **given}), recipe, given)
    return described(recipe, [Stage(config, Path(output))])


def _from_preset(preset: Preset, flags: dict, negatives: str) -> TrainConfig:
    if "run" in flags or flags.get("dataset", preset.dataset) != preset.dataset:
        if "run" not in flags:
            raise UserError("--dataset needs --run: write one with python -m lce_tf.retrieve bm25 --split train")
        config = replace(preset.training, **{"dataset": preset.dataset, **flags})
        return follow(config, config.recipe, flags)
    own = {name: value for name, value in flags.items() if name not in ("loss", "group", "seed", "dataset")}
    # A placeholder for the preset's own dev run, until that has been made; a --dev-run replaces it.
    training = replace(preset.training, **{"dev_run": "to be made", "loss": flags["loss"], **own})
    members = replace(training, **flags).members  # impossible settings are refused before anything is retrieved
    # The list is made to the preset's depth at least; a smaller negatives_depth uses its head.
    depth = max(training.negatives_depth, preset.training.negatives_depth)
    wanted_preset = replace(preset, training=replace(training, negatives_depth=depth), asked=own)
    products = Products(wanted_preset, f"runs/{preset.name}")
    wanted = Checkpoint(negatives, flags["loss"], members)
    return replace(products.train_config(wanted, flags.get("seed", preset.training.seed)), **own)


def _default_output(preset: Preset | None, config: TrainConfig, negatives: str) -> Path:
    name = f"{config.loss}-n{config.members}-{negatives}"
    if preset and config.seed != preset.training.seed:
        name += f"-seed{config.seed}"  # as `lce tables` names it
    return Path("runs") / (preset.name if preset else Path(config.dataset).name) / "models" / name


main = command_main(parser, _main)
callable_module(__name__)

if __name__ == "__main__":
    sys.exit(main())
