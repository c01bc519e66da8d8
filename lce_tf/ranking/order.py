"""From a model's logits to the run in its new order."""

import numpy as np

from lce_tf.data.packing import Packer
from lce_tf.data.runs import Run
from lce_tf.errors import UserError
from lce_tf.model.config import PAPER_SCORING, Scoring


def scores_of(logits: np.ndarray, scoring: Scoring = PAPER_SCORING) -> np.ndarray:
    """[pairs] float32 ranking scores from logits [pairs, outputs], by the rule and dtype of `scoring`."""
    pair = logits.shape[1] == 2 and scoring.rule == "difference"
    scores = logits[:, 1] - logits[:, 0] if pair else logits[:, -1]
    return scores.astype(scoring.dtype).astype(np.float32)


def pair_rows(run: Run, packer: Packer, file: str = "the run", where: str = "the data set"):
    """The store rows of each of the run's pairs, (query_rows, passage_rows); every one must have both its texts.

    Args:
        file, where: what to call the run and the data set in an error.
    """
    query_rows = packer.queries.rows(run.query_ids)
    if (query_rows < 0).any():
        unknown = run.query_ids[query_rows < 0]
        raise UserError(
            f"{file}: query {unknown[0].decode()} is not among the queries of {where} "
            f"({len(unknown)} of {len(query_rows)} are not); name the run's own --dataset and --split"
        )
    passage_rows = packer.passages.rows(run.passage_ids)
    if (passage_rows < 0).any():
        unknown = run.passage_ids[passage_rows < 0]
        raise UserError(
            f"{file}: passage {unknown[0].decode()} is not in the collection of {where} "
            f"({len(unknown)} of {len(passage_rows)} rows are not); name the run's own --dataset"
        )
    return np.repeat(query_rows, np.diff(run.offsets)), passage_rows


def merged(run: Run, top: Run, values: np.ndarray, tag: str) -> tuple[Run, np.ndarray]:
    """The whole run with its top rows in the order of `values`, the rest below in their old order.

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
    sizes = np.diff(run.offsets)
    rank = np.arange(len(run)) - np.repeat(run.offsets[:-1], sizes)
    scored = rank < np.repeat(np.diff(top.offsets), sizes)
    raw = np.full(len(run), np.nan, np.float32)
    raw[scored] = values
    # What was not scored goes below the lowest score of its query, one apart, in the old order.
    floor = np.zeros(len(sizes), np.float32)
    some = sizes > 0
    if some.any():  # reduceat knows no empty stretches
        floor[some] = np.minimum.reduceat(values, top.offsets[:-1][some])
    final = np.where(scored, raw, np.repeat(floor, sizes) - rank).astype(np.float64)
    order = np.lexsort([rank, -final, np.repeat(np.arange(len(sizes)), sizes)])
    return Run.build(run.query_ids, run.offsets, run.passage_ids[order], final[order], tag), raw[order]
