"""Negatives mined in rounds: the model of a round scores the candidates that the next round's negatives come from."""

import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lce_tf.data.hashes import file_sha256
from lce_tf.data.lookup import IdLookup
from lce_tf.data.rows import found_at, owners_of, ranges_of, stretches
from lce_tf.data.runs import Run, read_run
from lce_tf.errors import UserError
from lce_tf.foundation.files import write_json, written
from lce_tf.foundation.settings import check, setting
from lce_tf.foundation.settings import defaults as defaults_of
from lce_tf.foundation.steps import Steps
from lce_tf.hard_negatives.config import NegativesConfig
from lce_tf.hard_negatives.make import negatives
from lce_tf.hard_negatives.records import read_record
from lce_tf.model import hub
from lce_tf.model.config import EncoderConfig
from lce_tf.multistage.quality import Model, check_dev, markdown, quality
from lce_tf.multistage.scoring import ScoringConfig, data_hashes, training_settings
from lce_tf.training.config import DEFAULTS, TrainConfig
from lce_tf.training.job import train

STARTS = ("backbone", "previous")
# Stands for the teacher's run where each round takes the scores of the round before.
OWN = ("scores of the round before",)
# A rank beyond the end of any list of candidates.
WHOLE = 1 << 30
# Number of queries whose pairs are compared at a time.
BLOCK = 1024


@dataclass(frozen=True)
class MineConfig:
    """Rounds of training and mining; each field states what it means.

    Attributes:
        training: of every round. Its run is filled in; a sample of its `dev_run` is reranked while they train, and the
            rounds are compared on the whole of it.
        negatives: which passages are candidates, and how many a round's list has. Its output is filled in. If its
            teacher is `OWN`, false negatives are removed by the previous round's scores; otherwise by the teacher's,
            for all rounds.
        output: folder of all products.
    """

    training: TrainConfig = setting()
    negatives: NegativesConfig = setting()
    output: str = setting()
    rounds: int = setting(2, "trainings, each but the first with negatives that the one before mined", at_least=1)
    start: str = setting(
        "backbone", "what a round's training starts from: the backbone, or the previous round's model", choices=STARTS
    )
    scoring: ScoringConfig = setting(ScoringConfig())

    def __post_init__(self):
        check(self)
        if self.training.positives == "run":
            raise UserError("--positives run: no relevant passage is in a list of negatives; give --positives judged")


@dataclass(frozen=True)
class Mined:
    """The results of the rounds.

    Attributes:
        models: folders of the trained checkpoints, in the order of the rounds.
        lists: runs that their negatives came from.
        table: the quality of each, as Markdown; None without a dev run.
    """

    models: list[Path]
    lists: list[Path]
    table: str | None


def mine(config: MineConfig) -> Mined:
    """Trains `config.rounds` models in `config.output`: `round-N/negatives.trec` and `round-N/model` each.

    Repeating an interrupted call resumes it; with more rounds, a call goes on after the last one made.

    Raises:
        UserError: bad input, or products in the folder that were made with other settings.
    """
    check_dev(config.training)
    folder = hub.locate(config.training.backbone)
    EncoderConfig.from_huggingface(hub.read_config(folder), str(folder / "config.json"))  # fails before the candidates
    with Steps(config.output, "mine", {**defaults_of(NegativesConfig), **DEFAULTS}).opened() as steps:
        candidates = _candidates(config, steps)
        longest = int(np.diff(read_run(candidates).offsets).max())
        if note := nothing_mined(config, longest):
            print(f"note: {note}", file=sys.stderr)
        models: list[Path] = []
        lists: list[Path] = []
        source = candidates
        for number in range(1, config.rounds + 1):
            lists.append(_drawn(config, steps, number, source))
            models.append(_trained(config, steps, number, lists[-1], models))
            if number < config.rounds:
                name = f"round-{number}/scored.trec"
                source = config.scoring.teach(steps, name, models[-1], config.training, candidates, longest)
        table = _table(config, steps, models, lists) if config.training.dev_run else None
    return Mined(models, lists, table)


def nothing_mined(config: MineConfig, longest: int) -> str:
    """Why all rounds draw the same negatives, and what to give instead; "" if they do not.

    Args:
        longest: most candidates of a query. A training draws from the top of the list, whatever its order, so a model
            that brings it into another order changes nothing unless the list is longer.
    """
    top = min(config.negatives.per_query or longest, config.training.negatives_depth)
    if config.rounds == 1 or config.negatives.teacher == OWN or top < longest:
        return ""
    return (
        f"no query has more than {longest} candidates, so every round draws from the same ones, whatever its model; "
        f"give a --per-query below {longest}, or --teacher-margin without a --teacher"
    )


def _candidates(config: MineConfig, steps: Steps) -> Path:
    """The candidates of all rounds: the runs' window of ranks, after the filters that use no round's model."""
    every = replace(config.negatives, per_query=None, draw="top")
    if every.teacher == OWN:
        every = replace(every, teacher=(), teacher_margin=None, teacher_share=None)
    return _listed(steps, "candidates.trec", every)


def _drawn(config: MineConfig, steps: Steps, number: int, source: Path) -> Path:
    """The list of a round, drawn from the candidates as the first stage or the previous round's model ranks them."""
    own = config.negatives.teacher == OWN and number > 1
    settings = {"teacher": (str(source),)} if own else {"teacher": (), "teacher_margin": None, "teacher_share": None}
    settings |= {"runs": (str(source),), "shares": None, "first_rank": 1, "last_rank": WHOLE, "near_duplicates": 0.0}
    return _listed(steps, f"round-{number}/negatives.trec", replace(config.negatives, **settings))


def _listed(steps: Steps, name: str, config: NegativesConfig) -> Path:
    config = replace(config, output=str(steps.folder / name))
    hashes = {"runs_sha256": [file_sha256(run) for run in config.runs]}
    hashes["teacher_sha256"] = [file_sha256(run) for run in config.teacher]
    hashes |= data_hashes(config.dataset, config.split)
    return steps.make(name, {**asdict(config), **hashes}, lambda path: negatives(config))


def _trained(config: MineConfig, steps: Steps, number: int, run: Path, models: list[Path]) -> Path:
    training = replace(config.training, run=str(run))
    if config.start == "previous" and models:
        training = replace(training, backbone=str(models[-1]))
    return steps.make(f"round-{number}/model", training_settings(training), lambda path: train(training, path))


def _table(config: MineConfig, steps: Steps, models: list[Path], lists: list[Path]) -> str:
    """Each round's quality and counts of its negatives; also written to `table.md` and `table.json`."""
    rounds = [Model(f"round-{number}", folder) for number, folder in enumerate(models, 1)]
    facts = quality(steps, rounds, config.training, config.scoring)
    records = {one.name: read_record(file) for one, file in zip(rounds, lists, strict=True)}
    columns = {"negatives": {name: f"{record['negatives_kept']}" for name, record in records.items()}}
    columns["false negatives removed"] = {name: f"{_false(record)}" for name, record in records.items()}
    columns["new"] = dict(zip(records, (f"{share:.0%}" for share in shares_new(lists)), strict=True))
    text = markdown(facts, columns)
    write_json(steps.folder / "table.json", {**facts, "rounds": columns})
    with written(steps.folder / "table.md") as file:
        file.write(text)
    return text


def _false(record: dict[str, Any]) -> int:
    kinds = ("teacher_margin", "teacher_share")
    return sum(record["removed"][kind]["passages"] for kind in kinds if kind in record["removed"])


def shares_new(lists: list[Path]) -> Iterator[float]:
    """For each run, the share of its (query, passage) pairs that the run before it does not have."""
    before = None
    for file in lists:
        now = read_run(file)
        yield 1.0 if before is None else _count_new(before, now) / len(now)
        before = now


def _count_new(before: Run, now: Run) -> int:
    """The number of pairs in `now` that `before` does not have."""
    there, new = IdLookup(before.query_ids).rows(now.query_ids), 0
    for first in range(0, len(now.query_ids), BLOCK):
        block = slice(first, first + BLOCK)
        rows, bounds = stretches(*ranges_of(before.offsets, there[block]))
        offsets = now.offsets[first : first + BLOCK + 1]
        ids = now.passage_ids[offsets[0] : offsets[-1]], before.passage_ids[rows]
        # Pairs as single numbers (query * passages + passage), so that one search in a sorted array finds them.
        known, numbers = np.unique(np.concatenate(ids), return_inverse=True)
        pairs = np.concatenate([owners_of(offsets), owners_of(bounds)]) * len(known) + numbers
        mine, theirs = np.split(pairs, [len(ids[0])])
        new += int((found_at(mine, np.sort(theirs)) < 0).sum())
    return new
