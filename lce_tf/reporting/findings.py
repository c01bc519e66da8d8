"""Differences between a run and its first stage: ranks of relevant passages, and queries that win or lose."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lce_tf.data.qrels import Qrels, relevant
from lce_tf.data.runs import Run
from lce_tf.evaluation.measures import query_rows

# The last rank of each group of ranks; one more group counts the relevant passages missing from a run.
BUCKETS = (1, 3, 5, 10, 30, 100, math.inf)
# Relevant passages shown per query in addition to the top ones.
MOST_RELEVANT = 3


@dataclass(frozen=True)
class Ranked:
    """A passage of a query: its ranks from 1 in the run and in the first stage (None: missing), and its grade."""

    passage_id: str
    now: int | None
    before: int | None
    grade: int | None


@dataclass(frozen=True)
class Change:
    """A query whose value differs from the first stage's, and passages that explain it, by their rank in the run."""

    query_id: str
    before: float
    now: float
    passages: tuple[Ranked, ...]


@dataclass(frozen=True)
class Against:
    """A run compared with its first stage.

    Attributes:
        ranks_before, ranks_now: number of relevant passages in each group of `BUCKETS`, and of those missing from the
            run.
        better, worse, equal: number of queries by how their value changed.
        wins, losses: the queries shown, largest change first.
    """

    ranks_before: tuple[int, ...]
    ranks_now: tuple[int, ...]
    better: int
    worse: int
    equal: int
    wins: tuple[Change, ...]
    losses: tuple[Change, ...]


class Lists:
    """A run's ranked lists, for look-ups by query."""

    def __init__(self, run: Run):
        self._ids, self._rows = run.passage_ids, query_rows(run)

    def top(self, query_id: str, depth: int) -> list[str]:
        """The ids of the first `depth` passages; [] for a query that the run lacks."""
        return [passage_id.decode() for passage_id in self._of(query_id)[:depth]]

    def ranks(self, query_id: str, passage_ids: Iterable[str]) -> list[int | None]:
        """The rank of each passage, from 1; None if it is not in the list."""
        ranks = {passage_id: rank for rank, passage_id in enumerate(self._of(query_id), 1)}
        return [ranks.get(passage_id.encode()) for passage_id in passage_ids]

    def _of(self, query_id: str) -> list[bytes]:
        return self._ids[self._rows[query_id]].tolist() if query_id in self._rows else []


def against(
    run: Lists,
    first_stage: Lists,
    qrels: Qrels,
    min_grade: int,
    now: Mapping[str, float],
    before: Mapping[str, float],
    shown: int,
    depth: int,
) -> Against:
    """Compares `run` with its first stage.

    Args:
        qrels: the judgments; `min_grade` is the lowest grade that counts as relevant.
        now, before: query id -> value of the run and of its first stage, for every judged query.
        shown: maximum number of wins, and of losses, to show.
        depth: passages shown per query from the top of either list.
    """
    wanted = relevant(qrels, min_grade)
    changes = {query_id: now[query_id] - before[query_id] for query_id in qrels}
    # Largest first; equal ones in the order of the judgments, since sorting is stable.
    wins = sorted((query_id for query_id in qrels if changes[query_id] > 0), key=lambda q: -changes[q])
    losses = sorted((query_id for query_id in qrels if changes[query_id] < 0), key=lambda q: changes[q])

    def opened(query_ids: Sequence[str]) -> tuple[Change, ...]:
        return tuple(
            Change(q, before[q], now[q], _ranked(q, run, first_stage, qrels[q], wanted[q], depth))
            for q in query_ids[:shown]
        )

    return Against(
        _counted(first_stage, wanted),
        _counted(run, wanted),
        len(wins),
        len(losses),
        len(qrels) - len(wins) - len(losses),
        opened(wins),
        opened(losses),
    )


def _counted(lists: Lists, wanted: Mapping[str, Sequence[str]]) -> tuple[int, ...]:
    counts = [0] * (len(BUCKETS) + 1)
    for query_id, passage_ids in wanted.items():
        for rank in lists.ranks(query_id, passage_ids):
            counts[-1 if rank is None else next(i for i, last in enumerate(BUCKETS) if rank <= last)] += 1
    return tuple(counts)


def _ranked(
    query_id: str, run: Lists, first_stage: Lists, grades: Mapping[str, int], wanted: Sequence[str], depth: int
) -> tuple[Ranked, ...]:
    """The top passages of both lists and the best ranked relevant ones."""
    ranked = [(rank, passage_id) for rank, passage_id in zip(run.ranks(query_id, wanted), wanted, strict=True) if rank]
    ranked.sort()
    best = [passage_id for _, passage_id in ranked] or list(wanted)
    tops = (*run.top(query_id, depth), *first_stage.top(query_id, depth))
    chosen = list(dict.fromkeys((*tops, *best[:MOST_RELEVANT])))
    ranks = zip(run.ranks(query_id, chosen), first_stage.ranks(query_id, chosen), strict=True)
    passages = [Ranked(p, now, before, grades.get(p)) for p, (now, before) in zip(chosen, ranks, strict=True)]
    return tuple(sorted(passages, key=lambda one: (one.now or math.inf, one.before or math.inf)))
