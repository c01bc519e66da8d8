"""Examples of removed passages with their texts: a few for each filter, chosen by a hash of their ids."""

import heapq
from typing import Any

import numpy as np

from lce_tf.data.datasets import Dataset
from lce_tf.data.draws import EXAMPLES, draw
from lce_tf.hard_negatives.candidates import Candidates
from lce_tf.hard_negatives.filters import Found


class Examples:
    """Keeps up to `most` removed passages of each filter; the choice does not depend on the order of the blocks.

    Args:
        most: maximum number of examples per filter.
        runs: files of the runs, in the order of `Candidates.runs`.
    """

    def __init__(self, most: int, runs: list[str]):
        self._most, self._runs = most, runs
        self._kept: dict[str, list[tuple[int, str, str, dict[str, Any]]]] = {}

    def add(self, kind: str, names, ids, query_keys, passage_keys, candidates: Candidates, found: Found) -> None:
        """Adds the passages that a filter removed from a block of queries.

        Args:
            kind: the filter's key in `lce_tf.hard_negatives.records.FILTERS`.
            names: [queries] 'S' ids of the block's queries.
            ids: [passages] 'S' ids of all passages, by number.
            query_keys, passage_keys: [rows] uint64 hashes of each row's query id and passage id.
            candidates: the candidates that the filter was applied to.
            found: the filter's result for these candidates.
        """
        kept, rows = self._kept.setdefault(kind, []), np.flatnonzero(found.removed)
        numbers = draw(EXAMPLES, query_keys[rows], passage_keys[rows])
        for index in np.argsort(numbers, kind="stable")[: self._most].tolist():
            row = int(rows[index])
            about = {
                "query_id": names[candidates.owners[row]].decode(),
                "positive_id": ids[found.against[row]].decode(),
                "passage_id": ids[candidates.passages[row]].decode(),
                "run": self._runs[candidates.runs[row]],
                "rank": int(candidates.ranks[row]),
                "score": float(candidates.scores[row]),
                **{name: float(values[row]) for name, values in found.figures.items()},
            }
            kept.append((int(numbers[index]), about["query_id"], about["passage_id"], about))
        self._kept[kind] = heapq.nsmallest(self._most, kept, key=lambda entry: entry[:3])

    def with_texts(self, dataset: Dataset, split: str | None) -> dict[str, list[dict[str, Any]]]:
        """Filter -> its examples as dictionaries, with the texts of query, positive and removed passage."""
        found = {kind: [entry[3] for entry in entries] for kind, entries in self._kept.items()}
        every = [example for examples in found.values() for example in examples]
        wanted = {example[name] for example in every for name in ("positive_id", "passage_id")}
        texts = {}
        if wanted:
            texts = {passage.passage_id: passage.text for passage in dataset.passages() if passage.passage_id in wanted}
        queries = dataset.queries(split) if every else {}
        for example in every:
            example["query"] = queries.get(example["query_id"], "")
            example["positive"] = texts.get(example["positive_id"], "")
            example["passage"] = texts.get(example["passage_id"], "")
        return found
