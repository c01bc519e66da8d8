"""`python -m lce_tf.train`: trains a cross-encoder on groups of one positive and n - 1 hard negatives."""

import argparse
import sys
from dataclasses import fields, replace
from pathlib import Path

from lce_tf.errors import UserError
from lce_tf.foundation.arguments import callable_module, command_main, parser_for
from lce_tf.foundation.settings import add_options, flag
from lce_tf.losses import LOSSES
from lce_tf.paper.rows import Checkpoint
from lce_tf.replication.presets import PRESETS, Preset
from lce_tf.replication.products import Products
from lce_tf.retrieval.registry import RETRIEVERS
from lce_tf.training.config import TrainConfig, follow
from lce_tf.training.epochs import resolved
from lce_tf.training.inputs import read_inputs
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
    about = "print the recipe: source, published figure, settings, cost; train nothing. With --epochs, data are read"
    add("--plan", action="store_true", help=about)
    add("--output", help="folder for the result (default: runs/PRESET/models/LOSS-nGROUP-NEGATIVES)")
    add_options(result, TrainConfig, show_default="paper or default", grouped=True)
    return result


def _main(arguments: argparse.Namespace) -> None:
    flags = {name: value for name, value in vars(arguments).items() if value is not None}
    preset, output = flags.pop("preset", None), flags.pop("output", None)
    negatives, plan = flags.pop("negatives"), flags.pop("plan")
    recipe = known_recipe(flags.get("recipe", "paper"))
    if plan:
        if preset is not None:
            raise UserError(
                f"--preset {preset}: --plan prints a recipe, not a preset's settings; leave one of them out, or see "
                f"lce tables table1 --preset {preset} --plan"
            )
        print(_plan(recipe, flags, output))
        return
    if RECIPES[recipe].whole:
        if not {"dataset", "run"} <= set(flags) or preset is not None:
            raise UserError(f"--recipe {recipe}: needs --dataset and --run, and no --preset; --plan says what they are")
        planned = _of_recipe(recipe, flags, output)
    elif "dataset" in flags and preset is None:
        planned = [_of_dataset(flags, output)]
    else:
        planned = [_of_preset(PRESETS[preset or "pydocs"], flags, negatives, output)]
    check_files(planned)
    for config, folder in planned:
        print(f"trained: {train(config, folder)}", flush=True)


def _of_recipe(recipe: str, flags: dict, output: str | None) -> list[Stage]:
    """The trainings of a recipe that fixes the loss."""
    output = output or Path("runs") / Path(flags["dataset"]).name / "models" / f"{recipe}-{Path(flags['run']).stem}"
    return stages(recipe, flags, output)


def _of_dataset(flags: dict, output: str | None) -> Stage:
    """A training on the given data set and run; settings that are not given are the recipe's."""
    _check_run(flags)
    given = {"loss": TrainConfig.loss, "group": TrainConfig.group, **flags}
    recipe = given.pop("recipe", "paper")
    config = follow(TrainConfig(**given), recipe, given)
    return Stage(config, Path(output or _default_output(None, config, Path(flags["run"]).stem)))


def _of_preset(preset: Preset, flags: dict, negatives: str, output: str | None) -> Stage:
    """A training with a preset's settings, and its data and run unless others are given."""
    flags = {"loss": TrainConfig.loss, "group": TrainConfig.group, **flags}
    if "run" in flags or flags.get("dataset", preset.dataset) != preset.dataset:
        _check_run(flags)
        config = replace(preset.training, **{"dataset": preset.dataset, **flags})
        config = follow(config, config.recipe, flags)
    else:
        config = _with_products(preset, flags, negatives)
    return Stage(config, Path(output or _default_output(preset, config, negatives)))


def _check_run(flags: dict) -> None:
    if "run" not in flags:
        raise UserError("--dataset needs --run: write one with python -m lce_tf.retrieve bm25 --split train")


def _plan(recipe: str, flags: dict, output: str | None) -> str:
    """The recipe in words, with the given settings; files that are not given appear as placeholders."""
    given = {name: value for name, value in flags.items() if name in _SETTINGS}
    files = {"dataset": "DATASET", "run": "RUN.trec", "teacher": "TEACHER.trec"}
    output = output or "FOLDER"
    if RECIPES[recipe].whole:
        return described(recipe, _in_steps(stages(recipe, {**files, **given}, output), files))
    taught = LOSSES.about(given.get("loss", TrainConfig.loss)).teacher
    base = {name: value for name, value in files.items() if taught or name != "teacher"}
    config = follow(TrainConfig(**{"group": TrainConfig.group, **base, **given}), recipe, given)
    return described(recipe, _in_steps([Stage(config, Path(output))], files))


def _in_steps(planned: list[Stage], files: dict[str, str]) -> list[Stage]:
    """The trainings with the steps that their `epochs` are; for those, the inputs are read.

    Args:
        files: setting -> what stands for a file that was not given.
    """
    if planned[0].config.epochs is None:
        return planned
    if absent := [name for name, file in files.items() if any(getattr(one, name) == file for one, _ in planned)]:
        raise UserError(
            f"--epochs {planned[0].config.epochs:g}: its steps follow from the usable queries; to plan them, give "
            f"{' and '.join(map(flag, absent))} as well"
        )
    # A later stage's backbone is not trained yet; it has the tokenizer of the first one.
    backbone = planned[0].config.backbone
    if planned[0].config.stage > 1 and not Path(backbone).is_dir():
        raise UserError(
            f"--epochs {planned[0].config.epochs:g}: the stage before --stage {planned[0].config.stage} is not trained "
            "yet; give --backbone, whose tokenizer it has"
        )
    read = [read_inputs(replace(config, backbone=backbone)) for config, _ in planned]
    return [Stage(resolved(one.config, len(its.pool)), one.output) for one, its in zip(planned, read, strict=True)]


def _with_products(preset: Preset, flags: dict, negatives: str) -> TrainConfig:
    """The training as `lce tables` would do it, on the run of `negatives`, which is made if it is not there."""
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
