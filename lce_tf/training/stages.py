"""A recipe's stages: the configuration of each, what each starts from, and what they cost together."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from lce_tf.errors import UserError
from lce_tf.foundation.settings import flag
from lce_tf.losses import LOSSES
from lce_tf.training.config import DEFAULTS, TrainConfig
from lce_tf.training.recipes import RECIPES, TEACHER, check_stage

# Pairs a second of `lce train` with ELECTRA base, at 80 wordpieces a pair, on one H200 (docs/gpu.md).
RATE = 5443
# Settings of a whole recipe that several stages cannot share.
_OF_ONE_STAGE = ("loss", "loss_options", "positives", "group_positives")
_SHOWN = ("backbone", "loss", "group", "batch", "steps", "learning_rate")
_FILES = ("dataset", "run", "teacher", "split", "dev_run", "dev_split", "recipe", "stage")


class Stage(NamedTuple):
    """One training of a recipe.

    Attributes:
        output: its folder; the last stage's is the recipe's, earlier ones lie in it as stage-1 and so on.
    """

    config: TrainConfig
    output: Path


def stages(recipe: str, given: Mapping[str, Any], output: str | Path) -> list[Stage]:
    """The trainings that a recipe consists of, in order; all settings are checked before the first one starts.

    Args:
        recipe: a key of `RECIPES` that fixes the loss.
        given: settings that win over the recipe, of every stage: `dataset` and `run` among them. The backbone is the
            first stage's, the teacher goes to those whose loss learns from one. With a `stage`, of that one alone.

    Raises:
        UserError: a setting that cannot be meant for all stages, or is wrong for one.
    """
    given, output, plan = dict(given), Path(output), RECIPES[recipe].stages
    alone = given.pop("stage", None)
    check_stage(recipe, alone or 1)
    if len(plan) > 1 and alone is None:
        for name in _OF_ONE_STAGE:
            if name in given:
                raise UserError(
                    f"{flag(name)} {given[name]}: --recipe {recipe} has {len(plan)} stages; give --stage too"
                )
    found = []
    for number, own in enumerate(plan, 1):
        values = {**own, **given}
        if not LOSSES.about(values["loss"]).teacher:
            values.pop("teacher", None)
        if own.get("run") == TEACHER:
            values["run"] = values.get("teacher") or values.get("run")
        if number > 1 and (alone is None or "backbone" not in given):
            values["backbone"] = str(output / f"stage-{number - 1}")
        folder = output if number == len(plan) else output / f"stage-{number}"
        if alone in (None, number):
            found.append(Stage(TrainConfig(**{**values, "recipe": recipe, "stage": number}), folder))
    return found


def check_files(planned: Sequence[Stage]) -> None:
    """Looks for the files of later stages, which would otherwise be missed after hours.

    Raises:
        UserError: one is missing.
    """
    for config, _ in planned[1:]:
        for name in ("run", "teacher", "dev_run"):
            path = getattr(config, name)
            if path is not None and not Path(path).is_file():
                raise UserError(f"{flag(name)} {path}: no such file, which stage {config.stage} reads")


def described(recipe: str, planned: Sequence[Stage]) -> str:
    """What a recipe is, as lines to read: source, published figure, command, settings and cost of each stage."""
    about = RECIPES[recipe]
    teacher = " --teacher TEACHER.trec" if any(config.teacher for config, _ in planned) else ""
    lines = [
        f"{recipe}: {about.help}",
        f"source     {about.source}",
        f"published  {about.published}",
        f"needs      {about.needs}",
        f"command    lce train --recipe {recipe} --dataset DATASET --run RUN.trec{teacher} --output FOLDER",
    ]
    for config, folder in planned:
        lines += [f"stage {config.stage}    {_settings(config)}", f"           {_cost(config)} -> {folder}"]
    hours = sum(map(_hours, (config for config, _ in planned)))
    lines.append(
        f"cost       {_told(hours)} on one H200, computed and not measured: at {RATE:,} pairs/s, which lce train "
        "reached there with ELECTRA base and 80 wordpieces a pair. A pair counts twice with R-Drop; another backbone "
        "or length has another rate."
    )
    return "\n".join(lines + [f"note       {remark}" for remark in about.remarks])


def _settings(config: TrainConfig) -> str:
    values = asdict(config)
    changed = [name for name, value in values.items() if name not in _FILES and value != DEFAULTS.get(name)]
    names = [*_SHOWN, *(name for name in changed if name not in _SHOWN)]
    return ", ".join(f"{name} {_short(values[name])}" for name in names)


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def _hours(config: TrainConfig) -> float:
    return config.pairs * (2 if config.r_drop else 1) / RATE / 3600


def _cost(config: TrainConfig) -> str:
    return (
        f"{config.steps:,} steps x {config.batch} x {config.members} passages = {config.pairs:,} pairs, "
        f"{_told(_hours(config))}"
    )


def _told(hours: float) -> str:
    return f"{hours:.1f} hours" if hours >= 1 else f"{60 * hours:.0f} minutes"
