"""Computes scores from a model's logits and orders a run by them."""

import numpy as np

from lce_tf.data.rows import owners_of, ranks_of
from lce_tf.data.runs import Run
from lce_tf.errors import UserError
from lce_tf.model.config import PAPER_SCORING, Scoring
from lce_tf.tokens.packing import Packer
from lce_tf.tokens.store import TokenStore


def best_first(scores: np.ndarray, groups: np.ndarray | None = None) -> np.ndarray:
    """The order in which every command ranks: by decreasing score; equal scores keep their order.

    Scores must be those of `scores_of`, float32 and before any activation: float32 sigmoids of different scores well
    above 8 may be equal.

    Args:
        scores: [passages].
        groups: [passages] integers, the number of each passage's query; the result then lists the queries by number,
            one after the other. None: all passages belong to one query.

    Returns:
        [passages] int64 indices into `scores`, best first.
    """
    return np.lexsort([-scores] if groups is None else [-scores, groups])


def scores_of(logits: np.ndarray, scoring: Scoring = PAPER_SCORING) -> np.ndarray:
    """[pairs] float32 ranking scores from logits [pairs, outputs], by the rule of `scoring`, rounded to its dtype."""
    return scoring.score(logits).astype(scoring.dtype).astype(np.float32)


def best_windows(scores: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """MaxP: the scores of (query, document) pairs from the scores of their windows.

    Args:
        scores: [windows] float32; the windows of a pair are adjacent.
        offsets: [pairs + 1], see `lce_tf.tokens.windows.Expanded`; every pair has at least one window.

    Returns:
        [pairs] float32 highest score, and [pairs] int32 index within the pair of the first window with this score.
    """
    first, counts = offsets[:-1], np.diff(offsets)
    best = np.maximum.reduceat(scores, first) if len(counts) else np.zeros(0, np.float32)
    # Not `scores == best`, which finds no window for a pair with a NaN score. Such a pair's score is NaN, which
    # `reordered` refuses.
    indices = np.flatnonzero(~(scores < np.repeat(best, counts)))
    return best, (indices[np.searchsorted(indices, first)] - first).astype(np.int32)


def pair_rows(run: Run, packer: Packer, file: str = "the run", where: str = "the data set"):
    """(query_rows, passage_rows): the rows of each of the run's pairs in the packer's stores, [rows] int64 each.

    Args:
        file, where: names of the run and the data set for errors.

    Raises:
        UserError: a query or passage of the run is not in the stores.
    """
    query_rows = known_queries(run, packer.queries, file, where)
    passage_rows = packer.passages.rows(run.passage_ids)
    if (passage_rows < 0).any():
        unknown = run.passage_ids[passage_rows < 0]
        raise UserError(
            f"{file}: passage {unknown[0].decode()} is not in the collection of {where} "
            f"({len(unknown)} of {len(passage_rows)} rows are not); name the run's own --dataset"
        )
    return np.repeat(query_rows, np.diff(run.offsets)), passage_rows


def known_queries(run: Run, queries: TokenStore, file: str, where: str) -> np.ndarray:
    """[queries] int64, the row in `queries` of each of the run's queries; errors as for `pair_rows`."""
    rows = queries.rows(run.query_ids)
    if (rows < 0).any():
        unknown = run.query_ids[rows < 0]
        raise UserError(
            f"{file}: query {unknown[0].decode()} is not among the queries of {where} "
            f"({len(unknown)} of {len(rows)} are not); name the run's own --dataset and --split"
        )
    return rows


def reordered(run: Run, top: Run, values: np.ndarray, tag: str) -> tuple[Run, np.ndarray]:
    """The whole run with its top rows in the order of `values`; the other rows follow in their old order.

    Args:
        run: the run before reranking.
        top: the first rows of each of its queries, those that were scored.
        values: [top rows] float32 ranking scores.
        tag: the name of the new run.

    Returns:
        The run, and the raw scores in its row order ([rows] float32, NaN for rows that were not scored).

    Raises:
        UserError: a score is not finite.
    """
    if not np.isfinite(values).all():
        row = int((~np.isfinite(values)).argmax())
        query = top.query_ids[np.searchsorted(top.offsets, row, "right") - 1].decode()
        raise UserError(
            f"query {query}, passage {top.passage_ids[row].decode()}: the model's score is {values[row]}; "
            "the checkpoint is broken, or try --precision float32"
        )
    order, final = _new_order(run, top, values)
    raw = _spread(run, top, values, np.nan)
    return Run.build(run.query_ids, run.offsets, run.passage_ids[order], final[order], tag), raw[order]


def reordered_column(run: Run, top: Run, values: np.ndarray, column: np.ndarray, missing) -> np.ndarray:
    """[rows] values of another column, in the row order of the run that `reordered` returns.

    Args:
        run, top, values: as for `reordered`.
        column: [top rows] the value of each scored row.
        missing: the value of rows that were not scored.
    """
    return _spread(run, top, column, missing)[_new_order(run, top, values)[0]]


def _spread(run: Run, top: Run, values: np.ndarray, missing) -> np.ndarray:
    """Values of the top rows at their positions among all rows of the run, and `missing` elsewhere."""
    result = np.full(len(run), missing, values.dtype)
    result[ranks_of(run.offsets) < np.repeat(np.diff(top.offsets), np.diff(run.offsets))] = values
    return result


def _new_order(run: Run, top: Run, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The run's row numbers in their new order, and the new score of each row in the old order; [rows] each."""
    sizes, rank = np.diff(run.offsets), ranks_of(run.offsets)
    raw = _spread(run, top, values, np.nan)
    # Rows that were not scored get scores below the lowest of their query, one apart, in the old order.
    floor = np.zeros(len(sizes), np.float32)
    some = sizes > 0
    if some.any():  # reduceat does not accept empty ranges
        floor[some] = np.minimum.reduceat(values, top.offsets[:-1][some])
    final = np.where(np.isnan(raw), np.repeat(floor, sizes) - rank, raw).astype(np.float64)
    return best_first(final, owners_of(run.offsets)), final
