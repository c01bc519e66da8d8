"""Models that scored the same pairs, such as trainings with several seeds: the mean of their logits."""

from collections.abc import Sequence

import numpy as np

from lce_tf.data.runs import Run
from lce_tf.errors import UserError
from lce_tf.fusion.inputs import Listed
from lce_tf.reranking.order import merged, merged_beside


def mean_logits(listed: Sequence[Listed], tag: str) -> tuple[Run, dict[str, np.ndarray]]:
    """The first run ordered by the mean logit of all; what was not scored stays below in its old order.

    Returns:
        The run, and what is kept beside its rows: "scores", the means, and "from_1", "from_2", ..., each run's own
        logits; [rows] float32, NaN for rows that were not scored.

    Raises:
        UserError: a pair that one run scored and another did not.
    """
    first, top = listed[0], listed[0].scored()[0]
    columns = [first.scored()[1], *(_aligned(one, first.path, top) for one in listed[1:])]
    means = (np.sum(np.sort(np.stack(columns), axis=0), axis=0) / len(columns)).astype(np.float32)
    run, raw = merged(first.run, top, means, tag)
    own = {
        f"from_{number}": merged_beside(first.run, top, means, column.astype(np.float32), np.nan)
        for number, column in enumerate(columns, 1)
    }
    return run, {"scores": raw, **own}


def _aligned(one: Listed, name: str, top: Run) -> np.ndarray:
    """[top rows] the run's logits for the pairs of `top`."""
    scored, values = one.scored()
    if len(scored) != len(top):
        raise UserError(
            f"{one.path}: has {len(scored)} scored pairs, {name} {len(top)}; rerank the same run to the same --depth"
        )
    return values[_rows_in(scored, top, one.path, name)]


def _rows_in(run: Run, other: Run, path: str, name: str) -> np.ndarray:
    """[rows of `other`] the row of `run` that has the same query and passage."""
    places = {query_id: number for number, query_id in enumerate(run.query_ids.tolist())}
    rows = np.empty(len(other), np.int64)
    bounds = other.offsets.tolist()
    for query_id, a, b in zip(other.query_ids.tolist(), bounds, bounds[1:], strict=False):
        number = places.get(query_id)
        start, end = run.offsets[number : number + 2].tolist() if number is not None else (0, 0)
        at = {passage_id: row for row, passage_id in enumerate(run.passage_ids[start:end].tolist(), start)}
        for row, passage_id in enumerate(other.passage_ids[a:b].tolist(), a):
            if passage_id not in at:
                raise UserError(
                    f"{path}: passage {passage_id.decode()} of query {query_id.decode()} is not scored there, but in "
                    f"{name}; rerank the same run to the same --depth"
                )
            rows[row] = at[passage_id]
    return rows
