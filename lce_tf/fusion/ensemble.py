"""Averages the logits of several models that scored the same pairs, such as trainings with several seeds."""

from collections.abc import Sequence

import numpy as np

from lce_tf.data.runs import Run
from lce_tf.errors import UserError
from lce_tf.fusion.inputs import Listed
from lce_tf.reranking.aligned import rows_of
from lce_tf.reranking.order import reordered, reordered_column


def mean_logits(listed: Sequence[Listed], tag: str) -> tuple[Run, dict[str, np.ndarray]]:
    """The first run, its scored rows sorted by the mean logit of all runs; rows that were not scored follow unchanged.

    Returns:
        The run, and arrays by name: "scores", the means, and "from_1", "from_2", ..., the logits of each run. Each is
        [rows] float32 in the run's row order, NaN for rows that were not scored.

    Raises:
        UserError: one run scored a pair that another did not, or a mean is not finite.
    """
    first, top = listed[0], listed[0].scored()[0]
    columns = [first.scored()[1], *(_aligned(one, first.path, top) for one in listed[1:])]
    means = (np.sum(np.sort(np.stack(columns), axis=0), axis=0) / len(columns)).astype(np.float32)
    run, raw = reordered(first.run, top, means, tag)
    own = {
        f"from_{number}": reordered_column(first.run, top, means, column.astype(np.float32), np.nan)
        for number, column in enumerate(columns, 1)
    }
    return run, {"scores": raw, **own}


def _aligned(one: Listed, name: str, top: Run) -> np.ndarray:
    """[rows of `top`] float64 logits of `one` for the pairs of `top`; `name` is the file of `top`, for errors."""
    scored, values = one.scored()
    if len(scored) != len(top):
        raise UserError(
            f"{one.path}: has {len(scored)} scored pairs, {name} {len(top)}; rerank the same run to the same --depth"
        )
    rows = rows_of(scored, top)
    if (rows < 0).any():
        row = int((rows < 0).argmax())
        query = top.query_ids[np.searchsorted(top.offsets, row, "right") - 1].decode()
        raise UserError(
            f"{one.path}: passage {top.passage_ids[row].decode()} of query {query} is not scored there, but in {name}; "
            "rerank the same run to the same --depth"
        )
    return values[rows]
