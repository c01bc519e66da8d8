"""A search over settings of training: each combination trains on part of a split's queries, the rest measure it."""

import functools
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, NamedTuple

from lce_tf.data.datasets import load_dataset
from lce_tf.data.hashes import file_sha256
from lce_tf.data.holdout import halves
from lce_tf.data.runs import Run, read_run, write_trec
from lce_tf.errors import UserError
from lce_tf.foundation.arguments import wants
from lce_tf.foundation.at_once import Task, run_at_once
from lce_tf.foundation.disk import TRAINING
from lce_tf.foundation.files import write_json, written
from lce_tf.foundation.settings import check, flag, parsed, setting
from lce_tf.foundation.steps import Steps
from lce_tf.foundation.training_folder import TrainingFolder
from lce_tf.multistage.quality import FIRST_STAGE, MEASURES, Model, markdown, quality
from lce_tf.multistage.scoring import ScoringConfig, backbone_hashes, data_hashes
from lce_tf.training.config import DEFAULTS, TrainConfig
from lce_tf.training.job import train

# Settings that cannot be tried: the search sets them itself, or they have no effect on what is learnt.
FILLED = ("dataset", "run", "split", "format", "teacher", "dev_split", "dev_run", "dev_also", "keep", "recipe", "stage")
FILLED += ("dev_measure", "dev_queries", "dev_depth", "evaluate_every", "patience", "checkpoint_every")
FILLED += ("log_every", "peak_tflops")
HELD_OUT = "held-out"


class Axis(NamedTuple):
    """A setting of training, and the values to try."""

    name: str
    values: tuple[Any, ...]


@wants("NAME=VALUE,VALUE with a setting of lce train, such as learning-rate=5e-5,1e-4")
def axis(text: str) -> Axis:
    """The axis that `NAME=VALUE,VALUE,...` stands for; NAME is a setting of training or its flag."""
    name, _, values = text.partition("=")
    name = name.strip().lstrip("-").replace("-", "_")
    known = {one.name for one in fields(TrainConfig) if one.metadata.get("help")} - set(FILLED)
    if name not in known or not values:
        raise ValueError(text)
    return Axis(name, tuple(parsed(TrainConfig, name, value.strip()) for value in values.split(",")))


@dataclass(frozen=True)
class SearchConfig:
    """A search; each field states what it means.

    Attributes:
        training: what all trials have in common. Its run's queries are split into those to train on and those held out.
        output: folder of all products.
    """

    training: TrainConfig = setting()
    output: str = setting()
    grid: tuple[Axis, ...] = setting(
        (),
        "settings to try, such as learning-rate=5e-5,1e-4 batch=2,8; every combination is a trial",
        read=axis,
        many=True,
        metavar="NAME=VALUE,VALUE",
    )
    pairs: int | None = setting(
        None, "pairs that each trial sees, whatever its batch and group: sets its steps", at_least=1, metavar="N"
    )
    held_out: int = setting(500, "training queries to measure on instead, drawn by a hash of their id", at_least=2)
    scoring: ScoringConfig = setting(ScoringConfig())

    def __post_init__(self):
        check(self)
        if not self.grid:
            raise UserError("--grid: give one or more settings with values, such as learning-rate=5e-5,1e-4")
        names = [axis.name for axis in self.grid]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise UserError(f"--grid {twice}: is given twice; list all its values at once")
        if {"steps", "epochs"} <= {*names}:
            raise UserError("--grid: steps and epochs both say how long a trial is; give one of them")
        if self.pairs is not None and ({"steps", "epochs"} & {*names} or self.training.epochs is not None):
            raise UserError("--pairs: sets the steps of each trial; leave out steps and epochs")
        self.trials()  # refuses a trial with invalid settings

    def trials(self) -> "dict[str, TrainConfig]":
        """Name -> training of each combination."""
        found = {}
        for values in itertools.product(*(axis.values for axis in self.grid)):
            own = dict(zip((axis.name for axis in self.grid), values, strict=True))
            length = {"epochs": None} if "steps" in own else {}
            training = replace(self.training, **length, **own)
            if self.pairs is not None:
                steps = max(1, round(self.pairs / (training.batch * training.members)))
                training = replace(training, steps=steps)
            name = ",".join(f"{name}={value}" for name, value in own.items())
            found[name.replace("/", "_")] = training  # a folder's name
        return found


@dataclass(frozen=True)
class Searched:
    """What a search found.

    Attributes:
        best: name of the trial with the highest MRR@10 on the held-out queries.
        flags: the values of the grid that it was trained with, as flags of lce train.
        table: all trials, best first, as Markdown.
        facts: the same in JSON's types.
    """

    best: str
    flags: str
    table: str
    facts: Mapping[str, Any]


def search(config: SearchConfig, jobs: int = 1) -> Searched:
    """Trains each combination in `config.output` and measures it on the held-out queries: `TRIAL/model`, `table.md`.

    Dev and test queries are not used. Repeating an interrupted call resumes it; a call with further values makes only
    the new trials.

    Args:
        jobs: trials at once, each in a process of its own.

    Raises:
        UserError: bad input, or products in the folder that were made with other settings.
    """
    trials = config.trials()
    with Steps(config.output, "search", DEFAULTS).opened() as steps:
        learnt, held = _halves(config, steps)
        judged = replace(config.training, dev_run=str(held), dev_split=config.training.split)
        trainings = {name: replace(training, run=str(learnt)) for name, training in trials.items()}
        for name in (name for name in trials if steps.there(f"{name}/model")):
            _trained(trainings[name], steps, name)  # refuses other settings before the work of other trials
        if jobs > 1:
            left = [name for name in trials if not steps.there(f"{name}.{HELD_OUT}.trec")]
            tasks = [Task(name, _try, (trainings[name], steps, name, judged, config.scoring)) for name in left]
            run_at_once(tasks, jobs)
        models = [Model(name, _trained(training, steps, name)) for name, training in trainings.items()]
        queries = [query.decode() for query in read_run(held).query_ids.tolist()]
        facts = quality(steps, models, judged, config.scoring, queries, FIRST_STAGE, HELD_OUT)
        return _found(config, steps, trials, facts)


def _halves(config: SearchConfig, steps: Steps) -> tuple[Path, Path]:
    """The run of the queries to train on, and that of the held-out ones, drawn as `lce holdout` draws them."""
    source = config.training.run
    settings = {"run_sha256": file_sha256(source), "held_out": config.held_out, "split": config.training.split}

    @functools.cache
    def parts() -> tuple[Run, Run]:
        qrels = load_dataset(config.training.dataset).qrels(config.training.split)
        return halves(read_run(source, config.training.format), qrels, config.held_out, source)

    learnt = steps.make("train.trec", settings, lambda path: write_trec(parts()[0], path))
    return learnt, steps.make(f"{HELD_OUT}.trec", settings, lambda path: write_trec(parts()[1], path))


def _trained(training: TrainConfig, steps: Steps, name: str) -> Path:
    settings = {**asdict(training), "run_sha256": file_sha256(training.run), **backbone_hashes(training.backbone)}
    settings |= data_hashes(training.dataset, training.split)
    if training.teacher is not None:
        settings["teacher_sha256"] = file_sha256(training.teacher)
    return steps.make(f"{name}/model", settings, lambda path: train(training, path))


def _try(training: TrainConfig, steps: Steps, name: str, judged: TrainConfig, scoring: ScoringConfig) -> None:
    """Makes the products of a trial."""
    scoring.rerank(steps, f"{name}.{HELD_OUT}.trec", _trained(training, steps, name), judged)


def _found(config: SearchConfig, steps: Steps, trials: Mapping[str, TrainConfig], facts: dict[str, Any]) -> Searched:
    value = {row["model"]: row[MEASURES[0]] for row in facts["rows"]}
    best = max(trials, key=value.__getitem__)
    facts["rows"].sort(key=lambda row: -row[MEASURES[0]])
    facts |= {
        "best": best,
        "held_out_of": config.training.split,
        "steps": {name: _steps(TrainingFolder(steps.folder / name / "model")) for name in trials},
    }
    seconds = {name: steps.seconds(f"{name}/model") for name in trials}
    facts["seconds"] = seconds
    columns = {
        "steps": {name: f"{count:,}" for name, count in facts["steps"].items()},
        "s": {name: f"{taken:.0f}" for name, taken in seconds.items()},
    }
    table = markdown(facts, columns, "Held out of the training queries; dev and test were not looked at.")
    write_json(steps.folder / "table.json", json.loads(json.dumps(facts)))
    with written(steps.folder / "table.md") as file:
        file.write(table)
    return Searched(best, _flags(config.grid, trials[best], config.pairs), table, facts)


def _steps(training: TrainingFolder) -> int:
    facts = training.facts()
    with TRAINING.reading(training.manifest):
        return int(facts["config"]["steps"])


def _flags(grid: Sequence[Axis], training: TrainConfig, pairs: int | None) -> str:
    names = [axis.name for axis in grid] + (["steps"] if pairs is not None else [])
    return " ".join(f"{flag(name)} {getattr(training, name)}" for name in names)
