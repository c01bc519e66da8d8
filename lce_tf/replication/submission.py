"""The file that a leaderboard takes: a ranking of its eval queries in MS MARCO's three columns, checked."""

import bz2
import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from lce_tf.data import trec
from lce_tf.data.formats import FORMATS
from lce_tf.data.runs import Run, read_run, write_msmarco
from lce_tf.data.source import Source
from lce_tf.errors import UserError
from lce_tf.foundation.files import written

# The official evaluation fails with more than 1,000 ranks per query; its check expects all 1,000, MRR@10 uses ten.
DEPTH = 1000


def write_submission(run: Run, query_ids: Iterable[str], path: str | Path) -> Path:
    """Writes the top `DEPTH` of each eval query to `path` and, packed for the leaderboard, to `PATH.bz2`.

    The rows are query, passage and rank from 1, with tabs between. The written file is read back and checked, see
    `check_submission`, before it is packed.

    Args:
        run: a ranking of the eval queries; other queries are left out.
        query_ids: all eval queries.

    Returns:
        `path`.

    Raises:
        UserError: the run lacks an eval query, with the way out, or the file cannot be written.
    """
    path, wanted = Path(path), list(query_ids)
    kept = run.only(wanted).cut(DEPTH)
    _refuse_missing(path, kept, wanted)
    write_msmarco(kept, path)
    check_submission(path, wanted)
    with open(path, "rb") as plain, written(f"{path}.bz2", "wb") as file, bz2.open(file, "wb") as packed:
        shutil.copyfileobj(plain, packed)
    return path


def check_submission(path: str | Path, query_ids: Iterable[str]) -> int:
    """Checks that the leaderboard would accept a file; returns its number of rows.

    It has three columns; each query's ranks are 1 to k, each once, k at most `DEPTH`; no passage stands twice for a
    query; and its queries are exactly `query_ids`.

    Raises:
        UserError: the first fault, with file, line where there is one, and value.
    """
    with Source(path) as source:
        columns = FORMATS[trec.read_columns(source, "ranks").format].width
    if columns != 3:
        raise UserError(f"{path}: has {columns} columns; a submission has three: query, passage, rank")
    run = read_run(path, "ranks")  # refuses a passage or a rank that a query has twice, and ranks below 1
    # Ranks are sorted and distinct within a query, so the last is the number of rows or there is a gap.
    last, lengths = -run.scores[run.offsets[1:] - 1], np.diff(run.offsets)
    for query_id, rank, rows in zip(run.query_ids.tolist(), last.tolist(), lengths.tolist(), strict=True):
        if rank != rows:
            found = f"{path}: query {query_id.decode()} has {rows} rows, but ranks up to {int(rank)}"
            raise UserError(f"{found}; number them 1 to {rows}")
        if rows > DEPTH:
            raise UserError(f"{path}: query {query_id.decode()} has {rows} rows; keep its first {DEPTH}")
    wanted = list(query_ids)
    _refuse_missing(path, run, wanted)
    if foreign := {query_id.decode() for query_id in run.query_ids.tolist()}.difference(wanted):
        raise UserError(f"{path}: query {min(foreign)} is none of the eval queries; leave it out")
    return len(run)


def _refuse_missing(path: str | Path, run: Run, query_ids: list[str]) -> None:
    present = {query_id for query_id, rows in zip(run.query_ids.tolist(), np.diff(run.offsets), strict=True) if rows}
    missing = [query_id for query_id in query_ids if query_id.encode() not in present]
    if missing:
        raise UserError(
            f"{path}: {len(missing)} of {len(query_ids)} eval queries have no passage, e.g. {missing[0]}; "
            "retrieve passages for them and rerank again"
        )
