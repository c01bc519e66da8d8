"""Leaves the passages that are the query itself out of runs over BEIR's sets, as BEIR's own evaluation does."""

import numpy as np

from lce_tf.data.layouts.beir import BeirFolder
from lce_tf.data.qrels import Qrels
from lce_tf.data.records import Dataset
from lce_tf.data.runs import Run


def without_own_passages(run: Run, name: str, dataset: Dataset, qrels: Qrels) -> Run:
    """The run as it is measured: on BEIR's sets without the passages that have the id of their query.

    ArguAna's queries are passages of its collection, so each query would find itself first. Any folder in BEIR's layout
    counts as one of its sets, unless a query's own passage is relevant to it: then passages that have the id of a query
    are others, such as answers that have the numbers of their questions.

    Args:
        name: the data set's, as `load_dataset` takes it.
        dataset: that data set.
        qrels: its judgments.
    """
    if not name.startswith(("beir/", "nano-beir/")):
        if not isinstance(dataset, BeirFolder) or any(grades.get(query, 0) > 0 for query, grades in qrels.items()):
            return run
    own = run.passage_ids == run.query_ids.repeat(np.diff(run.offsets))
    if not own.any():
        return run
    before = np.concatenate([[0], (~own).cumsum()])
    return Run.build(run.query_ids, before[run.offsets], run.passage_ids[~own], run.scores[~own], run.tag)
