"""Resolves the arguments of a report: its runs, the runs that they rerank, and the trainings of their models."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lce_tf.errors import UserError
from lce_tf.evaluation.inputs import run_names
from lce_tf.foundation.files import read_json, sha256_of
from lce_tf.reporting.tables_folder import TableRun, TablesFolder, read_tables_folder, tables_in
from lce_tf.reporting.trainings import Training, is_training, read_training


@dataclass(frozen=True)
class Entry:
    """A run of the report.

    Attributes:
        name: its name on the page.
        path: of its file.
        first_stage: name of the run that it reranks; None for a first stage.
        training: the training of its model; None if not known.
        row: its row in a table; empty without one.
        made_from: SHA-256 of the run that it reranks, from its manifest; None if not known.
    """

    name: str
    path: Path
    first_stage: str | None
    training: Training | None
    row: str
    made_from: str | None = None


@dataclass(frozen=True)
class Sources:
    """Everything that a report covers.

    Attributes:
        entries: the runs, first stages first.
        trainings: those of the runs and those given as arguments, each once.
        tables: the folder of tables among the arguments, if there is one.
    """

    entries: tuple[Entry, ...]
    trainings: tuple[Training, ...]
    tables: TablesFolder | None


def gather(arguments: Sequence[str], first_stage: str | None) -> Sources:
    """The runs, trainings and tables that the command's arguments name, in their order.

    The manifest beside a run that `lce rerank` wrote names its checkpoint. If that is a training's folder, or has the
    name of one that was given, the run is shown with this training.

    Raises:
        UserError: an argument is none of these, two folders of tables, or runs without a first stage.
    """
    folders = [Path(name) for name in arguments if Path(name).is_dir()]
    files = [name for name in arguments if not Path(name).is_dir()]
    given = [folder for folder in folders if is_training(folder)]
    tables = [folder for folder in folders if folder not in given and tables_in(folder)]
    for folder in folders:
        if folder not in given and folder not in tables:
            raise UserError(
                f"{folder}: holds neither a training (manifest.json and metrics.jsonl) nor tables (table1.json)"
            )
    if len(tables) > 1:
        raise UserError(f"{tables[1]}: is the second folder of tables; make a report of each")
    found = read_tables_folder(tables[0]) if tables else None
    runs = [*_given_runs(files, first_stage, given), *(found.runs if found else ())]
    names = {path: name for name, path in run_names([str(run.path) for run in runs]).items()}
    read = {folder: read_training(folder) for run in runs if (folder := run.training)}
    read |= {folder: read_training(folder) for folder in given if folder not in read}
    entries = tuple(
        Entry(
            names[str(run.path)],
            run.path,
            run.first_stage and names[str(run.first_stage)],
            run.training and read[run.training],
            run.row,
            run.made_from,
        )
        for run in runs
    )
    return Sources(entries, tuple(read.values()), found)


def _given_runs(files: Sequence[str], first_stage: str | None, given: Sequence[Path]) -> list[TableRun]:
    if first_stage is None:
        if files:
            raise UserError(f"{files[0]}: what does it rerank? Name that run with --first-stage")
        return []
    reranked = [name for name in files if name != first_stage]
    runs = [TableRun(Path(first_stage)), *(TableRun(Path(name), Path(first_stage)) for name in reranked)]
    run_names([str(run.path) for run in runs])  # checks that all exist before any is read
    return runs[:1] + [_with_training(run, given) for run in runs[1:]]


def _with_training(run: TableRun, given: Sequence[Path]) -> TableRun:
    """The run with its training and the hash of its first stage, if its manifest names them."""
    beside = run.path.with_name(f"{run.path.name}.json")
    facts = read_json(beside) if beside.is_file() else None
    if not isinstance(facts, dict) or not isinstance(facts.get("checkpoint"), str):
        return run
    if facts.get("output_sha256") not in (None, sha256_of(run.path)):
        print(f"note: {beside}: is of an earlier {run.path.name}, and is left out", file=sys.stderr)
        return run
    # A relative path is relative to where `lce rerank` was called: here, or a folder above the run.
    places = (Path(), *run.path.resolve().parents)
    checkpoint = next((at for place in places if is_training(at := place / facts["checkpoint"])), None)
    same = [folder for folder in given if checkpoint and folder.resolve() == checkpoint.resolve()]
    alike = [folder for folder in given if folder.resolve().name == Path(facts["checkpoint"]).name]
    training = same[0] if same else alike[0] if len(alike) == 1 else checkpoint
    return TableRun(run.path, run.first_stage, training, made_from=facts.get("run_sha256"))
