"""A run file's rows in the order that counts, a query's together and best first; kept where that takes minutes."""

from pathlib import Path

import numpy as np

from lce_tf.data import trec
from lce_tf.data.hashes import file_sha256, is_large
from lce_tf.data.kept import Arrays, kept_arrays
from lce_tf.data.rows import grouped, repeated_passage, sort_best_first
from lce_tf.errors import UserError
from lce_tf.files import cache_dir

# What is kept lies under this name and the file's hash; a change in how files are read must change it.
_READING = "1"


def ranked_rows(path: str | Path) -> tuple[Arrays, dict[str, str]]:
    """The arrays and the tag that `lce_tf.data.runs.Run` is made of, by the rules of `lce_tf.data.runs.read_run`."""
    if not is_large(path):
        return _read(path)
    digest = file_sha256(path)

    def read():
        rows = _read(path)
        if file_sha256(path) != digest:
            raise UserError(f"{path}: changed while it was read; try again once it is complete")
        return rows

    return kept_arrays(cache_dir() / "runs" / f"{digest[:32]}-{_READING}", read)


def _read(path: str | Path) -> tuple[Arrays, dict[str, str]]:
    columns = trec.read_columns(path)
    passage_ids, scores, ranks = columns.passage_ids, columns.scores, columns.ranks
    query_ids, offsets, order = grouped(columns.segment_ids, columns.segment_rows)
    tag, width = columns.tag or "lce_tf", columns.width
    del columns  # so that the scattered columns can go as soon as their grouped copies stand
    if order is not None:
        # One after the other, so that only one column at a time is there twice.
        passage_ids = passage_ids[order]
        scores = scores[order]
        ranks = ranks[order]
    sort_best_first(offsets, passage_ids, scores, ranks)
    if repeat := repeated_passage(offsets, passage_ids):
        query_id, passage_id = query_ids[repeat[0]], passage_ids[repeat[1]]
        where = trec.line_of(path, {0: query_id, 2 if width == trec.TREC else 1: passage_id}, nth=2)
        raise UserError(
            f"{where}: passage {passage_id.decode()} is listed twice for query {query_id.decode()}; drop one"
        )
    if width == trec.MSMARCO:
        _refuse_repeated_rank(path, query_ids, offsets, ranks)
    arrays = {"query_ids": query_ids, "offsets": offsets, "passage_ids": passage_ids, "scores": scores}
    return arrays, {"tag": tag}


def _refuse_repeated_rank(path: str | Path, query_ids: np.ndarray, offsets: np.ndarray, ranks: np.ndarray) -> None:
    """MS MARCO's own script keeps only the last passage of a rank, so a rank given twice loses one in silence."""
    same = np.flatnonzero(ranks[1:] == ranks[:-1])
    query = np.searchsorted(offsets, same, "right") - 1
    inside = np.flatnonzero(same + 1 < offsets[query + 1])
    if len(inside):
        query_id, rank = query_ids[query[inside[0]]], int(ranks[same[inside[0]]])
        where = trec.line_of(path, {0: query_id, 2: str(rank).encode()}, nth=2)
        raise UserError(f"{where}: rank {rank} is given twice for query {query_id.decode()}; number the ranks anew")
