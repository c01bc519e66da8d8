"""Reads the runs of a folder that `lce tables` wrote from its tables."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lce_tf.data.layouts import holds_collection
from lce_tf.errors import UserError
from lce_tf.foundation.files import read_json
from lce_tf.reporting.trainings import read_training


@dataclass(frozen=True)
class TableRun:
    """A run behind a row of a table.

    Attributes:
        path: of its file.
        first_stage: the run that it reranks; None for a first stage.
        training: the folder of its checkpoint; None for a first stage.
        row: its table and row, such as "table1 (4)"; empty for a first stage without a row.
        made_from: SHA-256 of the run that it reranks, from its manifest; None if not known.
    """

    path: Path
    first_stage: Path | None = None
    training: Path | None = None
    row: str = ""
    made_from: str | None = None


@dataclass(frozen=True)
class TablesFolder:
    """The runs of a folder's tables, each once, and the queries on which all were measured.

    Attributes:
        dataset, split: what `load_dataset` takes, and the split of the queries.
        shown: the data set's name in the tables.
        queries: ids of the queries that count.
        runs: first stages before the runs that rerank them.
    """

    dataset: str
    split: str | None
    shown: str
    queries: tuple[str, ...]
    runs: tuple[TableRun, ...]


def tables_in(folder: Path) -> list[Path]:
    """The tables that `lce tables` wrote into `folder` (`table1.json` and so on), in order."""
    return sorted(path for path in folder.glob("table*.json") if re.fullmatch(r"table\d+\.json", path.name))


def read_tables_folder(folder: Path) -> TablesFolder:
    """The runs of every measured row of every table in the folder.

    Raises:
        UserError: a table was not written by `lce tables`, tables have different queries, or a run is missing.
    """
    runs: dict[Path, TableRun] = {}
    queries: dict[tuple[str, ...], Path] = {}
    setting: dict[str, Any] = {}
    for path in tables_in(folder):
        table = read_json(path)
        try:
            setting = table["setting"]
            for row in table["rows"]:
                if row["status"] == "measured":
                    queries.setdefault(tuple(row["ours"]["per_query"]["mrr"]), path)
                    for run in _row_runs(folder, path.stem, row, setting):
                        known = runs.get(run.path)
                        runs[run.path] = run if known is None or not known.row else known
            dataset, split = str(setting["dataset"]), setting["split"]
        except (KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{path}: is not what lce tables writes ({error!r}); run it again") from error
    if not runs:
        raise UserError(f"{folder}: its tables hold no measured row; run lce tables to its end")
    if len({frozenset(ids) for ids in queries}) > 1:
        first, other = list(queries.values())[:2]
        raise UserError(f"{other}: is over other queries than {first.name}; make both with the same settings")
    for path in runs:
        if not path.is_file():
            raise UserError(f"{path}: no such file, but a table was made from it; run lce tables again")
    data = folder / "data"
    ordered = sorted(runs.values(), key=lambda run: run.first_stage is not None)
    located = str(data) if holds_collection(data) else dataset
    return TablesFolder(located, split, dataset, next(iter(queries)), tuple(ordered))


def _row_runs(folder: Path, table: str, row: dict[str, Any], setting: dict[str, Any]) -> Iterator[TableRun]:
    """The runs behind a row: one for a baseline; for our rows the first stage and one run per seed."""
    where = f"{table} ({row['label']})"
    first_stage = folder / "first_stage" / f"{row['first_stage']}.{setting['split']}.trec"
    if not row["checkpoint"]:
        yield TableRun(first_stage, row=where)
        return
    yield TableRun(first_stage)
    name = rf"({re.escape(row['checkpoint'])}(?:-seed\d+)?)\.on\.{re.escape(row['first_stage'])}\.trec"
    found = 0
    for path in sorted((folder / "reranked").glob("*.trec")):
        if match := re.fullmatch(name, path.name):
            training = folder / "models" / match[1]
            # The file name has the seed's number, except for the preset's own seed.
            if read_training(training).config["seed"] in setting["seeds"]:
                found += 1
                yield TableRun(path, first_stage, training, where)
    if not found:
        run = folder / "reranked" / f"{row['checkpoint']}.on.{row['first_stage']}.trec"
        raise UserError(f"{run}: no such file, but {where} was made from it; run lce tables again")
