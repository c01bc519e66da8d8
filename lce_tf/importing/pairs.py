"""Pairs of queries and passages, gathered from rows: what is judged, what is a negative, what has a teacher's score."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lce_tf.data.qrels import Qrels
from lce_tf.data.runs import Run

UNJUDGED = np.iinfo(np.int32).min  # stands for the grade of a negative that nobody judged


class Gathered:
    """The pairs of all rows as they come, 20 bytes each."""

    def __init__(self):
        self._query, self._passage, self._grade, self._score = array("i"), array("i"), array("i"), array("d")

    def add(self, query: int, passage: int, grade: int | None, score: float | None) -> None:
        """Adds a pair.

        Args:
            query, passage: numbers of the texts.
            grade: None: a negative that nobody judged.
            score: a teacher's, if there is one.
        """
        self._query.append(query)
        self._passage.append(passage)
        self._grade.append(UNJUDGED if grade is None else grade)
        self._score.append(np.nan if score is None else score)

    def distinct(self) -> "Pairs":
        """Each pair once."""
        query, passage = (np.frombuffer(one, np.int32).astype(np.int64) for one in (self._query, self._passage))
        grade, score = np.frombuffer(self._grade, np.int32), np.frombuffer(self._score, np.float64)
        if not len(query):
            return Pairs(query, passage, grade, score, 0)
        numbers = query * (passage.max() + 1) + passage
        order = np.argsort(numbers, kind="stable")
        starts = np.flatnonzero(np.diff(numbers[order], prepend=-1))
        grade, score = grade[order], score[order]
        highest = np.maximum.reduceat(grade, starts)
        shown = np.maximum(grade, 0)  # an unjudged negative agrees with grade 0
        contrary = np.maximum.reduceat(shown, starts) != np.minimum.reduceat(shown, starts)
        rows = np.where(np.isfinite(score), np.arange(len(score)), len(score))
        first_score = np.append(score, np.nan)[np.minimum.reduceat(rows, starts)]
        first = order[starts]
        sort = np.lexsort((first, query[first]))
        return Pairs(query[first[sort]], passage[first[sort]], highest[sort], first_score[sort], int(contrary.sum()))


@dataclass(frozen=True, eq=False)
class Pairs:
    """Distinct pairs, query by query, those of a query in the order in which they came.

    Attributes:
        query, passage: [pairs] int64 numbers of the texts.
        grade: [pairs] int32, the highest that the pair has anywhere; `UNJUDGED` if it is listed as a negative alone.
        score: [pairs] float64, the first that the pair has; NaN if it has none.
        contrary: how many pairs have two grades, or are a positive here and a negative there.
    """

    query: np.ndarray
    passage: np.ndarray
    grade: np.ndarray
    score: np.ndarray
    contrary: int

    @property
    def relevant(self) -> np.ndarray:
        """[pairs] booleans: judged relevant."""
        return self.grade >= 1

    @property
    def judged(self) -> np.ndarray:
        """[pairs] booleans: judged, whatever the grade."""
        return self.grade != UNJUDGED

    @property
    def negative(self) -> np.ndarray:
        """[pairs] booleans: what the run of the negatives lists, those of queries in the split, which are judged."""
        return ~self.relevant & self._in_split

    @property
    def scored(self) -> np.ndarray:
        """[pairs] booleans: what the teacher's run lists; nothing if positives or negatives have no scores at all."""
        known = np.isfinite(self.score) & self._in_split
        both = (known & self.relevant).any() and (known & ~self.relevant).any()
        return known if both else np.zeros_like(known)

    @property
    def _in_split(self) -> np.ndarray:
        return np.isin(self.query, self.query[self.judged])

    def qrels(self, queries: Sequence[str], passages: Sequence[str]) -> Qrels:
        """The judgments, with these ids."""
        found: Qrels = {}
        columns = (self.query, self.passage, self.grade)
        for query, passage, grade in zip(*(column[self.judged].tolist() for column in columns), strict=True):
            found.setdefault(queries[query], {})[passages[passage]] = grade
        return found

    def run(self, listed: np.ndarray, queries: Sequence[str], passages: Sequence[str]) -> Run:
        """The pairs in `listed`, [pairs] booleans, as a run with these ids.

        A query's passages have their scores if all of them have one, and otherwise -1, -2, ... in the order in which
        they came.
        """
        query, score = self.query[listed], self.score[listed]
        numbers, starts, lengths = np.unique(query, return_index=True, return_counts=True)
        place = np.arange(len(query)) - np.repeat(starts, lengths)
        lacking = np.isin(query, query[np.isnan(score)])
        return Run.build(
            [queries[number] for number in numbers.tolist()],
            np.concatenate(([0], np.cumsum(lengths))),
            [passages[number] for number in self.passage[listed].tolist()],
            np.where(lacking, -1.0 - place, score),
            "imported",
        )
