"""From a model's logits to the reranked run."""

import numpy as np

from lce_tf.data.runs import Run
from lce_tf.errors import UserError
from lce_tf.model.config import PAPER_SCORING, Scoring
from lce_tf.tokens.packing import Packer
from lce_tf.tokens.store import TokenStore


def best_first(scores: np.ndarray, groups: np.ndarray | None = None) -> np.ndarray:
    """The order in which every command ranks: by decreasing score; equal scores keep their order.

    Scores must be those of `scores_of`, float32 and before any activation, because in float32 the sigmoids of scores
    well above 8 are equal.

    Args:
        scores: [passages].
        groups: [passages] integers, each passage's query; passages of a query are then adjacent. None: there is one
            query.

    Returns:
        [passages] int64 indices into `scores`, best first.
    """
    return np.lexsort([-scores] if groups is None else [-scores, groups])


def scores_of(logits: np.ndarray, scoring: Scoring = PAPER_SCORING) -> np.ndarray:
    """[pairs] float32 ranking scores from logits [pairs, outputs], computed as `scoring` says and in its dtype."""
    return scoring.score(logits).astype(scoring.dtype).astype(np.float32)


def best_windows(scores: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """MaxP: the scores of (query, document) pairs from the scores of their windows.

    Args:
        scores: [windows] float32; the windows of a pair are adjacent.
        offsets: [pairs + 1], see `Packer.expanded`; every pair has a window.

    Returns:
        [pairs] float32 highest score, and [pairs] int32 index of the window that has it, the first if several do.
    """
    first, counts = offsets[:-1], np.diff(offsets)
    best = np.maximum.reduceat(scores, first) if len(counts) else np.zeros(0, np.float32)
    # Not "equal to": a NaN score makes its pair's score NaN and still finds a window; `merged` refuses it.
    places = np.flatnonzero(~(scores < np.repeat(best, counts)))
    return best, (places[np.searchsorted(places, first)] - first).astype(np.int32)


def pair_rows(run: Run, packer: Packer, file: str = "the run", where: str = "the data set"):
    """The store rows of each of the run's pairs, (query_rows, passage_rows); every pair must have both texts.

    Args:
        file, where: names of the run and the data set for errors.
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
    """[queries] the store row of each of the run's queries, all of which must be there; see `pair_rows`."""
    rows = queries.rows(run.query_ids)
    if (rows < 0).any():
        unknown = run.query_ids[rows < 0]
        raise UserError(
            f"{file}: query {unknown[0].decode()} is not among the queries of {where} "
            f"({len(unknown)} of {len(rows)} are not); name the run's own --dataset and --split"
        )
    return rows


def merged(run: Run, top: Run, values: np.ndarray, tag: str) -> tuple[Run, np.ndarray]:
    """The whole run with its top rows in the order of `values`; the other rows follow in their old order.

    Returns:
        The run, and the raw scores in its row order ([rows] float32, NaN for rows that were not scored).
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


def merged_beside(run: Run, top: Run, values: np.ndarray, column: np.ndarray, missing) -> np.ndarray:
    """[rows] what belongs to the top rows, `column` [top rows], in the order of the rows of `merged`.

    Args:
        missing: of the rows that were not scored.
    """
    return _spread(run, top, column, missing)[_new_order(run, top, values)[0]]


def _spread(run: Run, top: Run, values: np.ndarray, missing) -> np.ndarray:
    """Values of the top rows at their positions among all rows of the run, and `missing` elsewhere."""
    result = np.full(len(run), missing, values.dtype)
    result[_ranks(run) < np.repeat(np.diff(top.offsets), np.diff(run.offsets))] = values
    return result


def _ranks(run: Run) -> np.ndarray:
    """[rows] position of each row within its query, from 0."""
    return np.arange(len(run)) - np.repeat(run.offsets[:-1], np.diff(run.offsets))


def _new_order(run: Run, top: Run, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The run's rows in their new order, and each row's score in the old order."""
    sizes, rank = np.diff(run.offsets), _ranks(run)
    raw = _spread(run, top, values, np.nan)
    # Rows that were not scored get scores below the lowest of their query, one apart, in the old order.
    floor = np.zeros(len(sizes), np.float32)
    some = sizes > 0
    if some.any():  # reduceat does not accept empty ranges
        floor[some] = np.minimum.reduceat(values, top.offsets[:-1][some])
    final = np.where(np.isnan(raw), np.repeat(floor, sizes) - rank, raw).astype(np.float64)
    return best_first(final, np.repeat(np.arange(len(sizes)), sizes)), final
