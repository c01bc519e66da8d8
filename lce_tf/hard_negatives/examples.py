"""Removed passages to look at: a few of each filter, chosen by a hash of their ids, with the texts."""

import heapq
from typing import Any

import numpy as np

from lce_tf.data.datasets import Dataset
from lce_tf.data.draws import draw
from lce_tf.hard_negatives.candidates import Candidates
from lce_tf.hard_negatives.filters import Found

_EXAMPLES = 5  # of the kinds of draws, see lce_tf.groups.sampler


class Examples:
    """Keeps up to `most` removed passages of each filter, whatever the order in which blocks of queries come."""

    def __init__(self, most: int, runs: list[str]):
        self._most, self._runs = most, runs
        self._kept: dict[str, list[tuple[int, str, str, dict[str, Any]]]] = {}

    def add(self, kind: str, names, ids, query_keys, passage_keys, candidates: Candidates, found: Found) -> None:
        """Takes notice of what a filter removed from a block.

        Args:
            names: [queries] 'S' of the block.
            ids: 'S' of all passages, by number.
            query_keys, passage_keys: [rows] hashes of each row's ids.
        """
        kept, rows = self._kept.setdefault(kind, []), np.flatnonzero(found.removed)
        numbers = draw(_EXAMPLES, query_keys[rows], passage_keys[rows])
        for place in np.argsort(numbers, kind="stable")[: self._most].tolist():
            row = int(rows[place])
            about = {
                "query_id": names[candidates.owners[row]].decode(),
                "positive_id": ids[found.against[row]].decode(),
                "passage_id": ids[candidates.passages[row]].decode(),
                "run": self._runs[candidates.runs[row]],
                "rank": int(candidates.ranks[row]),
                "score": float(candidates.scores[row]),
                **{name: float(values[row]) for name, values in found.figures.items()},
            }
            kept.append((int(numbers[place]), about["query_id"], about["passage_id"], about))
        self._kept[kind] = heapq.nsmallest(self._most, kept, key=lambda entry: entry[:3])

    def with_texts(self, dataset: Dataset, split: str | None) -> dict[str, list[dict[str, Any]]]:
        """Filter -> its examples, with the texts of query, positive and passage."""
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
