"""Runs as arrays: for each query its passages, best first, and their scores."""

import contextlib
import gzip
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from lce_tf.data.ids import unfit
from lce_tf.data.ranked import ranked_rows
from lce_tf.data.rows import decreasing, repeated_passage, sort_best_first, stretches
from lce_tf.errors import UserError
from lce_tf.foundation.files import written

_ROWS_A_WRITE = 1 << 16


@dataclass(frozen=True, eq=False)
class Run:
    """Ranked lists of many queries, kept as arrays because a training run has a hundred million rows.

    Ids are UTF-8 bytes in fixed-width arrays, compared as they are: leading zeros and case count.

    Attributes:
        query_ids: [queries] 'S', each once, in the order of first appearance.
        offsets: [queries + 1] int64; the rows of query i are `offsets[i]:offsets[i + 1]`.
        passage_ids: [rows] 'S', best first within a query, none twice.
        scores: [rows] float64, finite, not increasing within a query.
        tag: the run's name in a TREC file.
        sha256: of the file that the rows come from; None for runs not read from a file.
    """

    query_ids: np.ndarray
    offsets: np.ndarray
    passage_ids: np.ndarray
    scores: np.ndarray
    tag: str = "lce_tf"
    sha256: str | None = None

    @classmethod
    def build(
        cls,
        query_ids: Sequence[str] | np.ndarray,
        offsets: Sequence[int] | np.ndarray,
        passage_ids: Sequence[str] | np.ndarray,
        scores: Sequence[float] | np.ndarray,
        tag: str = "lce_tf",
    ) -> "Run":
        """A run whose rows are sorted within each query: by score, highest first, ties in the order given.

        Args:
            query_ids: [queries] str or 'S', each once.
            offsets: [queries + 1] where each query's rows begin; the last is the number of rows.
            passage_ids: [rows] str or 'S'.
            scores: [rows] any float or integer type.

        Raises:
            UserError: a score that is not finite, naming its query and passage.
            ValueError: lengths that do not fit together.
        """
        query_ids, passage_ids = _as_bytes(query_ids), _as_bytes(passage_ids).copy()
        offsets, scores = np.asarray(offsets, np.int64), np.array(scores, np.float64)
        if len(offsets) != len(query_ids) + 1 or offsets[0] != 0 or (np.diff(offsets) < 0).any():
            raise ValueError(f"offsets: {len(offsets)} values for {len(query_ids)} queries, from 0 up, are needed")
        if not len(passage_ids) == len(scores) == offsets[-1]:
            raise ValueError(f"{len(passage_ids)} passages, {len(scores)} scores, but offsets end at {offsets[-1]}")
        if not np.isfinite(scores).all():
            row = int(np.isfinite(scores).argmin())
            query = query_ids[np.searchsorted(offsets, row, "right") - 1].decode()
            passage = passage_ids[row].decode()
            raise UserError(f"query {query}, passage {passage}: score {scores[row]} is not finite; check the model")
        sort_best_first(offsets, passage_ids, scores)
        return cls(query_ids, offsets, passage_ids, scores, tag)

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.passage_ids)

    def cut(self, depth: int) -> "Run":
        """The first `depth` rows of each query."""
        if depth < 1:
            raise UserError(f"depth {depth}: at least 1 passage a query must be kept")
        lengths = np.diff(self.offsets)
        if not len(lengths) or lengths.max() <= depth:
            return self
        return self._rows(self.query_ids, self.offsets[:-1], np.minimum(lengths, depth))

    def only(self, query_ids: Iterable[str | bytes]) -> "Run":
        """The rows of `query_ids`, in that order; ids missing from the run are left out."""
        indices = {query_id: index for index, query_id in enumerate(self.query_ids.tolist())}
        wanted = (query_id.encode() if isinstance(query_id, str) else query_id for query_id in query_ids)
        kept = np.array([indices[query_id] for query_id in wanted if query_id in indices], np.int64)
        return self.take(kept)

    def take(self, queries: np.ndarray | slice) -> "Run":
        """The rows of the queries at these indices of `query_ids`, in that order."""
        return self._rows(self.query_ids[queries], self.offsets[:-1][queries], np.diff(self.offsets)[queries])

    def as_dict(self) -> dict[str, dict[str, float]]:
        """Query id -> passage id -> score, as pytrec_eval wants it; only for runs that fit in memory as dicts."""
        bounds = self.offsets.tolist()
        return {
            query_id.decode(): dict(
                zip((p.decode() for p in self.passage_ids[a:b].tolist()), self.scores[a:b].tolist(), strict=True)
            )
            for query_id, a, b in zip(self.query_ids.tolist(), bounds, bounds[1:], strict=False)
        }

    def _rows(self, query_ids: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> "Run":
        rows, offsets = stretches(starts, lengths)
        return replace(
            self,
            query_ids=query_ids,
            offsets=offsets,
            passage_ids=self.passage_ids[rows],
            scores=self.scores[rows],
        )


def read_run(path: str | Path, format: str | None = None) -> Run:
    """The run in a TREC file (six columns), an MS MARCO file (three) or a ColBERT file (four).

    Files may be compressed by gzip, bzip2, xz or zstd, or be a pipe. Evaluators differ on ties, so the order is defined
    here: rows with scores are sorted by score, highest first, ties by the rank column, then by their order in the file.
    Rows of query, passage and rank are sorted by rank and get the score -rank. The rows of a query may be scattered
    over the file. CRLF, a byte order mark, blank lines and a missing final newline are accepted.

    The rows of a file of 50 MB or more are cached and memory-mapped from there until the file changes, because a
    training run of MS MARCO takes minutes to read.

    Args:
        format: "ranks", "scores" or "colbert": what a file of three or four columns holds, see `lce_tf.data.formats`.
            None: three columns are ranks, and the ranks of three or four must be 1, 2, 3, ... for each query.

    Raises:
        UserError: with file, line and value: a wrong number of columns, a score that is not a finite number, a rank
            that is not an integer (three columns: positive, and once per query), a passage twice for a query, control
            bytes, white space beyond ASCII, bytes that are not UTF-8, a torn or empty file, a file that is still
            being written.
    """
    arrays, facts = ranked_rows(path, format)
    return Run(**arrays, **facts)


def written_scores(run: Run) -> np.ndarray:
    """The scores that `write_trec` writes: [rows] float32, finite, strictly decreasing within a query.

    A run whose scores still decrease after rounding to float32 keeps them; otherwise as few as needed are lowered to
    the next float32 below the score before. trec_eval and pytrec_eval compare scores in float32 and break ties by
    passage id; without ties they see the run's own order, as do readers of the rank column.
    """
    return decreasing(run.offsets, run.scores)


def write_trec(run: Run, path: str | Path) -> None:
    """Writes `run` as a TREC file that every evaluator reads in the run's own order; gzipped if named `.gz`.

    The scores are `written_scores` with nine significant digits, which represent a float32 exactly. They preserve the
    order but may differ from the model's scores, which `lce rerank` writes to a separate file.

    Raises:
        UserError: a tag or id that is empty or holds white space, a passage twice for a query, an unwritable path.
    """
    tag = run.tag.encode()
    if not run.tag or run.tag.split() != [run.tag]:
        raise UserError(f"{path}: tag '{run.tag}' is empty or holds white space; choose one word")
    scores = written_scores(run)
    with _checked_output(run, path) as file:
        for query_ids, rows, ranks in _row_chunks(run):
            columns = (query_ids, run.passage_ids[rows].tolist(), ranks, scores[rows].tolist())
            file.write(b"".join(b"%b Q0 %b %d %.9g %b\n" % (*row, tag) for row in zip(*columns, strict=True)))


def write_msmarco(run: Run, path: str | Path) -> None:
    """Writes `run` in MS MARCO's three columns, query, passage and rank from 1; otherwise as `write_trec`."""
    with _checked_output(run, path) as file:
        for query_ids, rows, ranks in _row_chunks(run):
            columns = (query_ids, run.passage_ids[rows].tolist(), ranks)
            file.write(b"".join(b"%b\t%b\t%d\n" % row for row in zip(*columns, strict=True)))


def check_ids(run: Run, path: str | Path) -> None:
    """Raises a UserError about `path` if an id would break the rows of a run file or a query lists a passage twice."""
    for name, ids in (("query", run.query_ids), ("passage", run.passage_ids)):
        if (wrong := _unfit_id(ids)) is not None:
            raise UserError(f"{path}: {name} id {wrong!r} cannot stand in a run: empty, white space or not UTF-8")
    if repeat := repeated_passage(run.offsets, run.passage_ids):
        query_id, passage_id = run.query_ids[repeat[0]].decode(), run.passage_ids[repeat[1]].decode()
        raise UserError(f"{path}: passage {passage_id} is listed twice for query {query_id}; keep it once in the run")


def refuse_large(run: Run, values: np.ndarray, where: str, what: str) -> None:
    """Refuses values [rows] that 32-bit numbers cannot hold.

    Args:
        where: beginning of the error.
        what: what the values are, in the plural.

    Raises:
        UserError: names the first row with such a value.
    """
    most = np.finfo(np.float32).max
    if not len(values) or (values.max() <= most and values.min() >= -most):
        return
    row = int((~(np.abs(values) <= most)).argmax())
    query = run.query_ids[np.searchsorted(run.offsets, row, "right") - 1].decode()
    raise UserError(
        f"{where}query {query}, passage {run.passage_ids[row].decode()}: {values[row]:g}: {what} must lie within "
        f"±{most:.3g}; give smaller ones"
    )


@contextlib.contextmanager
def _checked_output(run: Run, path: str | Path) -> Iterator[BinaryIO]:
    check_ids(run, path)
    with written(path, "wb") as file:
        if str(path).endswith(".gz"):
            with gzip.GzipFile("", "wb", 6, file, mtime=0) as packed:  # no name or time: same run, same bytes
                yield packed
        else:
            yield file


def _row_chunks(run: Run) -> Iterator[tuple[list[bytes], slice, list[int]]]:
    """Query ids, the slice of rows and ranks from 1, for `_ROWS_A_WRITE` rows at a time."""
    for a in range(0, len(run), _ROWS_A_WRITE):
        rows = np.arange(a, min(a + _ROWS_A_WRITE, len(run)))
        query = np.searchsorted(run.offsets, rows, "right") - 1
        ranks = rows - run.offsets[query] + 1
        yield run.query_ids[query].tolist(), slice(a, a + len(rows)), ranks.tolist()


def _unfit_id(ids: np.ndarray) -> bytes | None:
    """An id that would break a row of white-space separated UTF-8 columns, or None."""
    if not len(ids):
        return None
    table = np.ascontiguousarray(ids).view(np.uint8).reshape(len(ids), -1)
    wrong = (table[:, 0] == 0) | (((table <= 32) & (table > 0)) | (table == 127)).any(axis=1)
    wrong |= ((table[:, :-1] == 0) & (table[:, 1:] != 0)).any(axis=1)
    suspects = np.flatnonzero((table > 127).any(axis=1))
    for row in suspects.tolist():
        try:
            wrong[row] |= unfit(ids[row].decode()) is not None
        except UnicodeDecodeError:
            wrong[row] = True
    return bytes(ids[wrong.argmax()]) if wrong.any() else None


def _as_bytes(ids: Sequence[str] | np.ndarray) -> np.ndarray:
    array = np.asarray(ids)
    if array.dtype.kind == "S":
        return array
    return np.array([str(name).encode() for name in array.tolist()], "S" if len(array) else "S1")
