"""Turns a checkpoint's scores into probabilities of relevance; `lce calibrate` fits this function and stores it."""

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lce_tf.errors import UserError
from lce_tf.foundation.disk import CALIBRATION
from lce_tf.model import checkpoint, hub

FILE = hub.CALIBRATION_FILE
METHODS = ("platt", "temperature", "isotonic")


@dataclass(frozen=True)
class Calibration:
    """A non-decreasing function from ranking scores to probabilities of relevance.

    Attributes:
        method: one of `METHODS`. "platt": sigmoid(slope * score + intercept); "temperature": sigmoid(slope * score),
            slope = 1 / T; "isotonic": linear interpolation between points, constant below the first and above the last.
        slope, intercept: used by "platt" and "temperature"; the slope is above 0.
        scores, probabilities: the points of "isotonic", equally many; scores strictly increase, probabilities do not
            decrease.
        way: how the scores of the fit were made, as `lce_tf.reranking.opening.Opened.way` says it; None: not recorded.

    Raises:
        ValueError: the values contradict this description, or a number is not finite.
    """

    method: str
    slope: float = 1.0
    intercept: float = 0.0
    scores: tuple[float, ...] = ()
    probabilities: tuple[float, ...] = ()
    way: Mapping[str, Any] | None = field(default=None, compare=False)

    def __post_init__(self):
        numbers = [self.slope, self.intercept, *self.scores, *self.probabilities]
        if not all(isinstance(one, int | float) and math.isfinite(one) for one in numbers):
            raise ValueError("a number is not finite")
        if self.method not in METHODS:
            raise ValueError(f"method {self.method!r}: known are {', '.join(METHODS)}")
        if not isinstance(self.way, Mapping | None):
            raise ValueError(f"the way {self.way!r:.40} is no object")
        if self.method == "isotonic":
            rising = all(a < b for a, b in zip(self.scores, self.scores[1:], strict=False))
            rising &= list(self.probabilities) == sorted(self.probabilities)
            if self.probabilities and not 0 <= self.probabilities[0] <= self.probabilities[-1] <= 1:
                raise ValueError("a probability is not from 0 to 1")
            if not rising or not len(self.scores) == len(self.probabilities) > 0:
                raise ValueError("the points do not rise")
        elif self.slope <= 0:
            raise ValueError("the slope is not above 0")

    def probability(self, scores: np.ndarray) -> np.ndarray:
        """Probabilities of relevance for scores, float64 of the same shape, from 0 to 1; NaN stays NaN."""
        wide = np.asarray(scores, np.float64)
        if self.method == "isotonic":
            return np.where(np.isnan(wide), np.nan, np.interp(wide, self.scores, self.probabilities))
        return sigmoid(self.slope * wide + self.intercept)


def sigmoid(values: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)) without overflow, float64 of the same shape; NaN stays NaN."""
    with np.errstate(invalid="ignore"):
        return np.exp(-np.logaddexp(0, -np.asarray(values, np.float64)))


def write_calibration(folder: Path, calibration: Calibration, about: dict[str, Any]) -> None:
    """Writes a calibration into the folder of the checkpoint to whose scores it was fitted.

    Args:
        about: further facts to record, such as the run and the judgments of the fit.
    """
    values = asdict(calibration)
    facts = {"model": checkpoint.identity(folder), "way": values.pop("way"), "calibration": values}
    CALIBRATION.write(folder / FILE, {**facts, **about})


def read_calibration(folder: Path) -> Calibration | None:
    """The calibration in a checkpoint's folder; None if it has none.

    Raises:
        UserError: the file cannot be read, is of a later version, or was fitted to other weights.
    """
    file = folder / FILE
    if not file.is_file():
        return None
    values = CALIBRATION.read(file)
    try:
        model, stated = values["model"], values["calibration"]
        points: dict[str, Sequence[float]] = {name: tuple(stated[name]) for name in ("scores", "probabilities")}
        found = Calibration(**{**stated, **points}, way=values.get("way"))
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{file}: is no calibration ({error}); delete it, or run lce calibrate again") from error
    if model != checkpoint.identity(folder):
        raise UserError(f"{file}: was fitted to other weights than are here; delete it, or run lce calibrate again")
    return found


def check_way(folder: Path, fitted: Mapping[str, Any], way: Mapping[str, Any]) -> None:
    """Notes on stderr that the scores that a calibration is applied to are made otherwise than those of its fit.

    Args:
        folder: the checkpoint's.
        fitted, way: how the scores of the fit and these are made. What `fitted` does not state is not compared.

    Raises:
        UserError: the other of two labels means relevant.
    """
    file, different = folder / FILE, [name for name, value in fitted.items() if way.get(name) != value]
    if "rule" in different and fitted["rule"] != "undecided":
        label = 1 if fitted["rule"] in ("difference", "last") else 0
        raise UserError(
            f"{file}: was fitted to scores in which label {label} means relevant; give --positive-label {label}, or "
            "delete the file and run lce calibrate again"
        )
    different = [name for name in different if name != "rule"]
    if different:
        before, now = (", ".join(f"{name} {values.get(name)}" for name in different) for values in (fitted, way))
        print(
            f"note: {file}: was fitted to scores with {before}, and these are with {now}; probabilities may be off, so "
            "calibrate a run that is scored like this",
            file=sys.stderr,
        )
