"""A run file's rows, grouped by query and sorted best first; the result for a large file is cached."""

from pathlib import Path

import numpy as np

from lce_tf.data import trec
from lce_tf.data.formats import FORMATS
from lce_tf.data.hashes import is_large, source_sha256
from lce_tf.data.kept import Arrays, kept_arrays
from lce_tf.data.rows import grouped, ranks_of, repeated_passage, sort_best_first
from lce_tf.data.source import Source
from lce_tf.errors import UserError
from lce_tf.foundation.files import cache_dir

# Version of the reading code, part of the cached folder's name; change it when files are read differently.
_READING = "2"


def ranked_rows(path: str | Path, format: str | None = None) -> tuple[Arrays, dict[str, str]]:
    """The arrays, tag and SHA-256 of a `lce_tf.data.runs.Run`, read as `lce_tf.data.runs.read_run` describes.

    The SHA-256 is computed from the same bytes as the arrays.
    """
    with Source(path) as source:
        if source.state is None or not is_large(path):
            arrays, facts = _read(source, format)
            return arrays, {**facts, "sha256": source.sha256}
        digest = source_sha256(source)

        def read():
            rows = _read(source, format)
            if source.sha256 != digest:
                raise UserError(f"{path}: changed while it was read; try again once it is complete")
            return rows

        name = "-".join(filter(None, (digest[:32], _READING, format)))
        arrays, facts = kept_arrays(cache_dir() / "runs" / name, read)
        return arrays, {**facts, "sha256": digest}


def _read(source: Source, format: str | None = None) -> tuple[Arrays, dict[str, str]]:
    columns = trec.read_columns(source, format)
    passage_ids, scores, ranks = columns.passage_ids, columns.scores, columns.ranks
    query_ids, offsets, order = grouped(columns.segment_ids, columns.segment_rows)
    tag, layout, guessed = columns.tag or "lce_tf", columns.format, columns.guessed
    del columns  # frees the ungrouped columns as soon as their grouped copies exist
    if order is not None:
        # One at a time, so that only one column is in memory twice.
        passage_ids = passage_ids[order]
        scores = scores[order]
        ranks = ranks[order]
    sort_best_first(offsets, passage_ids, scores, ranks)
    if repeat := repeated_passage(offsets, passage_ids):
        query_id, passage_id = query_ids[repeat[0]], passage_ids[repeat[1]]
        where = trec.line_of(source, {0: query_id, FORMATS[layout].passage: passage_id}, nth=2)
        raise UserError(
            f"{where}: passage {passage_id.decode()} is listed twice for query {query_id.decode()}; drop one"
        )
    if layout == "ranks":
        _refuse_repeated_rank(source, query_ids, offsets, ranks, guessed)
    if layout in ("ranks", "colbert") and guessed:
        _refuse_gaps(source, layout, query_ids, offsets, ranks)
    arrays = {"query_ids": query_ids, "offsets": offsets, "passage_ids": passage_ids, "scores": scores}
    return arrays, {"tag": tag}


def _refuse_repeated_rank(
    source: Source, query_ids: np.ndarray, offsets: np.ndarray, ranks: np.ndarray, guessed: bool
) -> None:
    """Refuses a rank given twice for a query: MS MARCO's own script silently keeps only the last passage of a rank."""
    same = np.flatnonzero(ranks[1:] == ranks[:-1])
    query = np.searchsorted(offsets, same, "right") - 1
    inside = np.flatnonzero(same + 1 < offsets[query + 1])
    if len(inside):
        query_id, rank = query_ids[query[inside[0]]], int(ranks[same[inside[0]]])
        where = trec.line_of(source, {0: query_id, 2: str(rank).encode()}, nth=2)
        way = "; renumber the ranks" + (", or say --format scores if these are scores" if guessed else "")
        raise UserError(f"{where}: rank {rank} is given twice for query {query_id.decode()}{way}")


def _refuse_gaps(source: Source, layout: str, query_ids: np.ndarray, offsets: np.ndarray, ranks: np.ndarray) -> None:
    """Refuses ranks that are not 1, 2, 3, ... for each query where the layout was guessed: they may be scores or
    grades."""
    wrong = np.flatnonzero(ranks != 1 + ranks_of(offsets))
    if not len(wrong):
        return
    row = int(wrong[0])
    query_id = query_ids[np.searchsorted(offsets, row, "right") - 1]
    column = FORMATS[layout].rank
    where = trec.line_of(source, {0: query_id, column: str(int(ranks[row])).encode()}, nth=1)
    expected = row + 1 - int(offsets[np.searchsorted(offsets, row, "right") - 1])
    ways = {
        "ranks": "say --format scores if the column holds scores, --format ranks if the list has gaps",
        "colbert": "these look like judgments; say --format colbert if the columns are query, passage, rank and score",
    }
    raise UserError(
        f"{where}: query {query_id.decode()} has {int(ranks[row])} where rank {expected} is expected, so these are not "
        f"ranks; {ways[layout]}"
    )
