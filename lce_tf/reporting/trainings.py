"""Reads a training from the folder that `lce train` wrote: its settings, and its figures over the steps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from lce_tf.errors import UserError
from lce_tf.evaluation.measures import figure_name, measure_names
from lce_tf.foundation.training_folder import TrainingFolder

# Key in metrics.jsonl -> title of its curve.
CURVES = {
    "loss": "Loss",
    "learning_rate": "Learning rate",
    "gradient_norm": "Gradient norm",
}
# Setting -> its name on the page.
SETTINGS = {
    "loss": "loss",
    "group": "passages a group (n)",
    "run": "negatives from",
    "backbone": "backbone",
    "batch": "batch",
    "steps": "steps",
    "learning_rate": "peak learning rate",
    "recipe": "recipe",
    "seed": "seed",
}

# A step and its figure; None if it was not finite.
Point = tuple[int, float | None]


@dataclass(frozen=True)
class Training:
    """A training on the disk, finished or not.

    Attributes:
        name: of its folder.
        folder: its path.
        config: its settings.
        curves: title -> points by increasing step; curves without points are left out.
        finished: whether its weights are there.
    """

    name: str
    folder: Path
    config: Mapping[str, Any]
    curves: Mapping[str, Sequence[Point]]
    finished: bool

    @property
    def group(self) -> int:
        """Passages per group, n."""
        return int(self.config["group"])

    @property
    def loss(self) -> str:
        """The name of the loss."""
        return str(self.config["loss"])

    @property
    def settings(self) -> list[tuple[str, str]]:
        """(name, value) of the most important settings; files without their folders."""
        shown = [(label, self.config[name]) for name, label in SETTINGS.items() if self.config.get(name) is not None]
        return [(label, PurePath(value).name if label == "negatives from" else str(value)) for label, value in shown]


def is_training(folder: Path) -> bool:
    """Whether `folder` holds a training of `lce train` that has recorded a step."""
    here = TrainingFolder(folder)
    return here.begun and here.metrics.is_file()


def read_training(folder: Path) -> Training:
    """The training in `folder`, which may still be running.

    Raises:
        UserError: the manifest or the figures were not written by `lce train`.
    """
    here = TrainingFolder(folder)
    config = here.facts().get("config")
    if not isinstance(config, dict) or not isinstance(config.get("group"), int) or "loss" not in config:
        raise UserError(f"{here.manifest}: is not what lce train writes (no config with loss and group)")
    rows = here.figures()
    curves = {title: _points(rows, key, here.metrics) for key, title in (CURVES | _measured(config, rows)).items()}
    curves = {title: points for title, points in curves.items() if points}
    return Training(folder.resolve().name, folder, config, curves, here.finished)


def _measured(config: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Key -> title of each measure on each dev sample, and of the mean over them."""
    titles = {}
    for measure in measure_names(str(config.get("dev_measure", "MRR@10"))):
        first = figure_name(measure)
        others = sorted({key for row in rows for key in row if key.startswith(f"{first}:")})
        titles[first] = f"{measure} on the dev sample"
        titles |= {key: f"{measure}, {key.partition(':')[2]}" for key in others}
    return titles


def _points(rows: Sequence[Mapping[str, Any]], key: str, file: Path) -> list[Point]:
    points = [(row.get("step"), row[key]) for row in rows if key in row]
    for step, value in points:
        if type(step) is not int or not (value is None or type(value) in (int, float)):
            raise UserError(f"{file}: {key} is {value!r} at step {step!r}; is this lce train's file?")
    return sorted(points, key=lambda point: point[0])
