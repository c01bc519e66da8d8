"""Leaves the passages that are the query itself out of runs over BEIR's sets, as BEIR's own evaluation does."""

import numpy as np

from lce_tf.data.layouts.beir import BeirFolder
from lce_tf.data.records import Dataset
from lce_tf.data.runs import Run


def without_own_passages(run: Run, name: str, dataset: Dataset) -> Run:
    """The run as it is measured: on BEIR's sets without the passages that have the id of their query.

    ArguAna's queries are passages of its collection, so each query would find itself first.

    Args:
        name: the data set's, as `load_dataset` takes it.
        dataset: that data set.
    """
    if not (name.startswith(("beir/", "nano-beir/")) or isinstance(dataset, BeirFolder)):
        return run
    own = run.passage_ids == run.query_ids.repeat(np.diff(run.offsets))
    if not own.any():
        return run
    before = np.concatenate([[0], (~own).cumsum()])
    return Run.build(run.query_ids, before[run.offsets], run.passage_ids[~own], run.scores[~own], run.tag)
