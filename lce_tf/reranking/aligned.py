"""Finds the rows of one run's (query, passage) pairs in another run."""

import numpy as np

from lce_tf.data.runs import Run


def rows_of(run: Run, wanted: Run) -> np.ndarray:
    """[rows of `wanted`] int64: the row of `run` with the same query and passage, -1 if `run` lacks the pair."""
    indices = {query_id: index for index, query_id in enumerate(run.query_ids.tolist())}
    rows = np.full(len(wanted), -1, np.int64)
    bounds = wanted.offsets.tolist()
    for query_id, a, b in zip(wanted.query_ids.tolist(), bounds, bounds[1:], strict=False):
        if (index := indices.get(query_id)) is None:
            continue
        start, end = run.offsets[index : index + 2].tolist()
        at = {passage_id: row for row, passage_id in enumerate(run.passage_ids[start:end].tolist(), start)}
        rows[a:b] = [at.get(passage_id, -1) for passage_id in wanted.passage_ids[a:b].tolist()]
    return rows
