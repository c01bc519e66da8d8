"""Records of a training: a manifest, and figures as JSON lines and TensorBoard curves."""

import importlib.metadata
import json
import math
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lce_tf.errors import UserError
from lce_tf.foundation.disk import TRAINING
from lce_tf.foundation.files import written
from lce_tf.foundation.settings import having
from lce_tf.foundation.training_folder import TrainingFolder
from lce_tf.training.config import DEFAULTS, TrainConfig

# Settings that say where to compute, not what; they may differ when a training resumes.
PLACES = having(TrainConfig, "place")
# Hashes of inputs that older manifests lack; there they count as unchanged.
LATER = ("backbone_config", "teacher_scores")
# TensorBoard names of curves outside the group "train".
CURVES = {"dev_mrr_10": "dev/MRR@10"}
# Takes an object of `metrics.jsonl`: step, and figures by name, None if not finite.
OnFigures = Callable[[dict[str, float | None]], Any]
PACKAGES = ("lce_tf", "tensorflow", "tf-keras", "tf-models-official", "transformers", "tokenizers", "numpy")


def versions() -> dict[str, str | None]:
    """The installed versions of packages that affect the numbers."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found


def identity(config: TrainConfig, hashes: dict[str, str]) -> dict[str, Any]:
    """The identity of a training, in JSON's types: its configuration and the hashes of its inputs."""
    return json.loads(json.dumps({"config": asdict(config), "inputs": hashes}))


def begun_layout(folder: Path) -> str | None:
    """The layout in which the training in `folder` began, None if it has not begun.

    Manifests without a layout are from before there were layouts, when all trainings used slices.
    """
    here = TrainingFolder(folder)
    return here.facts().get("layout", "slices") if here.begun else None


def begun_precision(folder: Path) -> str | None:
    """The precision in which the training in `folder` began; None if it has not begun, or the manifest does not say."""
    here = TrainingFolder(folder)
    return here.facts().get("precision") if here.begun else None


def inputs_before(facts: dict[str, Any], now: dict[str, str]) -> dict[str, str]:
    """The hashes of the inputs in a manifest's facts; what older versions did not record is taken from `now`.

    That is `LATER`, and dev runs where no evaluation was asked for, since these were not read then.
    """
    unread = (
        [] if facts.get("config", {}).get("evaluate_every") else [name for name in now if name.startswith("dev_run")]
    )
    return {**{name: now[name] for name in (*LATER, *unread) if name in now}, **facts.get("inputs", {})}


def open_manifest(folder: Path, config: TrainConfig, hashes: dict[str, str], facts: dict[str, Any]) -> None:
    """Writes `manifest.json`, or checks that an existing one is of the same training.

    Raises:
        UserError: the folder holds a training with another configuration or other inputs.
    """
    here, this = TrainingFolder(folder), identity(config, hashes)
    if here.begun:
        before = here.facts()
        if not all(isinstance(before.get(part, {}), dict) for part in this):
            raise UserError(f"{here.manifest}: is no manifest of lce train; choose another --output")
        # Settings missing from an older manifest had their default values.
        there = {"config": {**DEFAULTS, **before.get("config", {})}, "inputs": inputs_before(before, hashes)}
        if not there["config"]["evaluate_every"]:  # older versions did not evaluate then
            there["config"]["evaluate_every"] = config.evaluate_every
        for part, value in this.items():
            old = there[part]
            names = {*value, *old}.difference(PLACES)
            changed = (name for name in names if value.get(name) != old.get(name))
            changed = sorted(changed, key=lambda name: (name == "evaluate_every", name))  # it follows from the steps
            if changed:
                name = changed[0]
                raise UserError(
                    f"{folder}: holds a training with another {part}: {name} is {old.get(name)!r} there and "
                    f"{value.get(name)!r} here; choose another --output or delete the folder"
                )
        return
    if any(here.state.glob("*")) or here.finished:
        raise UserError(f"{folder}: holds a checkpoint that no training here has written; choose another --output")
    recipe = {"recipe": config.recipe, "departures": config.departures()}
    TRAINING.write(here.manifest, {**this, **recipe, **facts, "versions": versions()})


class Figures:
    """Appends figures to `metrics.jsonl` and to TensorBoard's `summaries/`.

    Args:
        step: step of the checkpoint that training resumes from; lines of later steps are dropped, since they are
            repeated; all of them, if training starts afresh.
        on_figures: called with each object that was added to `metrics.jsonl`.
    """

    def __init__(self, folder: Path, step: int, on_figures: OnFigures | None = None):
        import tensorflow as tf

        here = TrainingFolder(folder)
        self._path, self._on_figures = here.metrics, on_figures
        if self._path.is_file():
            lines = self._path.read_text(errors="replace").splitlines(keepends=True)
            kept = [line for line in lines if step and line.endswith("\n") and 0 <= _step_of(line) <= step]
            if kept != lines:
                with written(self._path) as file:
                    file.writelines(kept)
        self._writer = tf.summary.create_file_writer(str(here.summaries))

    def add(self, step: int, **figures: float) -> None:
        """Records figures of a step, counted from 1, or of step 0, those from before the training.

        A value that is not finite becomes null in `metrics.jsonl`.
        """
        import tensorflow as tf

        values = {name: float(value) for name, value in figures.items()}
        # JSON has no NaN and no infinity.
        line = {"step": step} | {name: value if math.isfinite(value) else None for name, value in values.items()}
        with open(self._path, "a") as file:
            file.write(json.dumps(line) + "\n")
        with tf.device("CPU:0"), self._writer.as_default():
            for name, value in values.items():
                tf.summary.scalar(_curve(name), value, step=step)
        if self._on_figures:
            self._on_figures(line)

    def close(self) -> None:
        """Flushes everything recorded to disk."""
        self._writer.close()
        if self._path.is_file():
            with open(self._path, "a") as file:
                os.fsync(file.fileno())


def _curve(name: str) -> str:
    """The name of a figure's curve in TensorBoard."""
    return CURVES.get(name, f"dev/{name[4:]}" if name.startswith("dev_") else f"train/{name}")


def _step_of(line: str) -> int:
    """The step of a line of figures, -1 for a line torn by a crash."""
    try:
        return int(json.loads(line)["step"])
    except (ValueError, json.JSONDecodeError, KeyError, TypeError):
        return -1
