"""Holds queries of a run out: some are drawn by a hash of their id, the others stay to train on."""

import os
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from lce_tf.data.datasets import Dataset, load_dataset
from lce_tf.data.draws import draw, id_keys
from lce_tf.data.formats import CHOICES, FORMAT_HELP
from lce_tf.data.judged import known_relevant, with_judged
from lce_tf.data.qrels import Qrels, relevant, write_qrels
from lce_tf.data.runs import Run, read_run, write_trec
from lce_tf.data.spared import spare_inputs
from lce_tf.errors import UserError
from lce_tf.foundation.files import written_together
from lce_tf.foundation.settings import check, setting

# What is appended to `HoldoutConfig.output`, in the order of `Holdout.files`.
ENDINGS = (".rest.trec", ".held.trec", ".held.qrels.txt")


@dataclass(frozen=True)
class HoldoutConfig:
    """Which queries are held out, and where the files go; each field states what it means.

    Raises:
        UserError: a value is out of bounds, or a file would overwrite the run or a file of a data set.
    """

    run: str = setting(help="run of the split, such as its first stage", positional=True, metavar="RUN")
    output: str = setting(
        help="how the files' names begin: OUTPUT.rest.trec and OUTPUT.held.trec, the run's two parts, and "
        "OUTPUT.held.qrels.txt, the judgments of the queries held out"
    )
    dataset: str = setting("pydocs", "the data set with the judgments: ir_datasets id, folder or pydocs")
    split: str | None = setting(
        None, "the data set's split whose queries the run is of, e.g. train; not needed where it has only one"
    )
    held_out: int = setting(500, "judged queries to hold out, drawn by a hash of their id", at_least=1)
    with_relevant: bool = setting(
        False, "append the collection's relevant passages that the run lacks to the lists of the queries held out"
    )
    format: str | None = setting(None, FORMAT_HELP, choices=CHOICES)

    def __post_init__(self):
        check(self)
        if not self.output or self.output.endswith(os.sep):
            raise UserError(f"--output '{self.output}': names no file; give how their names begin, such as runs/bm25")
        for path in self.files:
            spare_inputs(path, (self.run,))

    @property
    def files(self) -> tuple[str, str, str]:
        """The files to write: the rest of the run, the queries held out, and their judgments."""
        rest, held, qrels = (f"{self.output}{ending}" for ending in ENDINGS)
        return rest, held, qrels


class Holdout(NamedTuple):
    """The two parts of a run, and what is judged of the second.

    Attributes:
        rest: the queries that stay, those without a relevant passage among them.
        held: the queries held out.
        qrels: all judgments of the queries held out.
        found: how many of those have a relevant passage in their list.
    """

    rest: Run
    held: Run
    qrels: Qrels
    found: int


def holdout(config: HoldoutConfig) -> Holdout:
    """Divides the queries of a run, and writes `config.files`; the same ids are drawn wherever they lie in the run.

    Raises:
        UserError: an input is missing or invalid, the run has too few queries with a relevant passage, or a file cannot
            be written.
    """
    dataset = load_dataset(config.dataset)
    run, qrels = read_run(config.run, config.format), dataset.qrels(config.split)
    rest, held = halves(run, qrels, config.held_out, config.run)
    queries = [query.decode() for query in held.query_ids.tolist()]
    judged = {query: qrels[query] for query in queries}
    if config.with_relevant:
        held = with_judged(held, known_relevant(judged, held, lambda names: _in_collection(names, dataset))[0])
    bounds = zip(held.offsets.tolist(), held.offsets[1:].tolist(), strict=False)
    lists = (set(held.passage_ids[first:last].tolist()) for first, last in bounds)
    good = ({passage.encode() for passage in passages} for passages in relevant(judged).values())
    found = sum(not listed.isdisjoint(passages) for listed, passages in zip(lists, good, strict=True))
    with written_together(*config.files) as files:
        write_trec(rest, files[0])
        write_trec(held, files[1])
        write_qrels(judged, files[2])
    return Holdout(rest, held, judged, found)


def halves(run: Run, qrels: Qrels, held_out: int, file: str) -> tuple[Run, Run]:
    """The run without `held_out` of the queries that have a relevant passage, and the run of those, in its order.

    Drawn are those whose ids have the smallest hashes. So a query that is held out among many is held out among any
    part of them, and another run of the same queries is divided in the same way.

    Args:
        file: name of the run's file, for the error.

    Raises:
        UserError: the run has no query with a relevant passage, or no more than `held_out`.
    """
    known = relevant(qrels)
    judged = np.array([bool(known.get(query.decode())) for query in run.query_ids.tolist()], bool)
    if not judged.any():
        raise UserError(f"{file}: none of its queries has a relevant passage; name the run's own --dataset and --split")
    if judged.sum() <= held_out:
        raise UserError(f"--held-out {held_out}: {file} has {judged.sum()} judged queries; leave some to train on")
    order = np.argsort(np.where(judged, draw(id_keys(run.query_ids.tolist())) >> np.uint64(1), np.uint64(1) << 63))
    out = np.zeros(len(order), bool)
    out[order[:held_out]] = True
    return run.take(np.flatnonzero(~out)), run.take(np.flatnonzero(out))


def _in_collection(names: np.ndarray, dataset: Dataset) -> np.ndarray:
    """[names] booleans: whether the collection has a passage with this id."""
    wanted = set(names.tolist())
    there = wanted.intersection(passage.passage_id.encode() for passage in dataset.passages())
    return np.array([name in there for name in names.tolist()], bool)
