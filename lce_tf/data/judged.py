"""Adds the judged relevant passages to a run."""

from collections.abc import Callable

import numpy as np

from lce_tf.data.qrels import Qrels, relevant
from lce_tf.data.records import Dataset
from lce_tf.data.rows import offsets_of, owners_of
from lce_tf.data.runs import Run


def judgments_if_any(dataset: Dataset, split: str | None) -> Qrels:
    """The judgments of a split; {} for a named split that has none."""
    return dataset.qrels(split) if split is None or dataset.has_judged(split) else {}


def known_relevant(qrels: Qrels, run: Run, known: Callable[[np.ndarray], np.ndarray]) -> tuple[Qrels, list[str]]:
    """The relevant judgments of the run's queries whose passages are known, and the ids of the passages that are not.

    Args:
        known: for [ids] bytes, [ids] booleans, whether there is such a passage.
    """
    wanted = relevant(qrels)
    pairs = [
        (query, passage) for query in map(bytes.decode, run.query_ids.tolist()) for passage in wanted.get(query, ())
    ]
    ids = sorted({passage for _, passage in pairs})
    there = known(np.array([passage.encode() for passage in ids])) if ids else ()
    absent = {passage for passage, found in zip(ids, there, strict=True) if not found}
    kept: Qrels = {}
    for query, passage in pairs:
        if passage not in absent:
            kept.setdefault(query, {})[passage] = qrels[query][passage]
    return kept, [passage for passage in ids if passage in absent]


def with_judged(run: Run, qrels: Qrels) -> Run:
    """The run with each query's missing relevant passages appended; their score is the query's lowest score minus 1."""
    wanted = relevant(qrels)
    owners, added = [], []
    for index, query_id in enumerate(run.query_ids.tolist()):
        listed = run.passage_ids[run.offsets[index] : run.offsets[index + 1]]
        for passage_id in wanted.get(query_id.decode(), ()):
            if not (listed == passage_id.encode()).any():
                owners.append(index)
                added.append(passage_id.encode())
    if not added:
        return run
    ends = run.offsets[np.array(owners) + 1]
    last = run.scores[np.maximum(ends - 1, 0)] if len(run) else np.zeros(len(ends))
    everyone = np.concatenate([owners_of(run.offsets), owners])
    order = np.argsort(everyone, kind="stable")
    return Run.build(
        run.query_ids,
        offsets_of(np.bincount(everyone, minlength=len(run.query_ids))),
        np.concatenate([run.passage_ids, np.array(added)])[order],
        np.concatenate([run.scores, last - 1])[order],
        run.tag,
    )
