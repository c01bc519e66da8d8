"""Learns the weights of runs by a grid search on queries that are not among those to fuse."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from lce_tf.data.qrels import Qrels
from lce_tf.data.runs import Run
from lce_tf.errors import UserError
from lce_tf.evaluation.measures import evaluate, mean, parse_measure
from lce_tf.fusion.candidates import Candidates, weighted
from lce_tf.fusion.inputs import Listed
from lce_tf.reranking.outputs import scores_file

# Maximum number of points of a grid; a larger grid would take too long.
MOST = 2000


class Learnt(NamedTuple):
    """The result of a grid search.

    Attributes:
        weights: one for each run; they add up to 1.
        value: the measure's mean over the queries at these weights.
        grid: (weights, value) of every point, in the order of `grid`.
    """

    weights: tuple[float, ...]
    value: float
    grid: tuple[tuple[tuple[float, ...], float], ...]


def grid(runs: int, step: float) -> list[tuple[float, ...]]:
    """Every list of `runs` weights that are multiples of `step` and add up to 1.

    Raises:
        UserError: 1 is not a multiple of the step, or there are more than `MOST` points.
    """
    parts = round(1 / step)
    if abs(parts * step - 1) > 1e-9:
        raise UserError(f"--learn-step {step:g}: 1 is no multiple of it; give 0.05, 0.1, 0.2 or the like")
    if (points := math.comb(parts + runs - 1, runs - 1)) > MOST:
        raise UserError(f"--learn-step {step:g}: makes {points} points of {runs} weights; give a larger step")

    def shares(left: int, count: int) -> Iterator[tuple[int, ...]]:
        if count == 1:
            yield (left,)
            return
        for first in range(left + 1):
            for rest in shares(left - first, count - 1):
                yield (first, *rest)

    return [tuple(share / parts for share in one) for one in shares(parts, runs)]


def learn(candidates: Candidates, table: np.ndarray, qrels: Qrels, measure: str, step: float) -> Learnt:
    """The weights with the highest mean of the measure; ties go to the weights closest to equal ones.

    Args:
        candidates: the runs' passages for the queries to learn from.
        table: [rows, runs] float64 values that the weights multiply, NaN for none.
        qrels: judgments; every judged query counts, and one without candidates has the value 0.
        measure: the measure whose mean over the queries is maximised, such as "nDCG@10".
        step: difference between neighbouring weights of the grid.
    """
    points = grid(table.shape[1], step)
    cutoff = parse_measure(measure).cutoff
    found = []
    for weights in points:
        run, _ = candidates.ordered(weighted(table, weights))
        cut = run if cutoff is None else run.cut(cutoff)  # lower ranks do not change the measure
        found.append((weights, mean(evaluate(cut, qrels, [measure])[measure])))
    even = 1 / table.shape[1]
    weights, value = max(found, key=lambda point: (point[1], -max(abs(weight - even) for weight in point[0])))
    return Learnt(weights, value, tuple(found))


def refuse_other_scores(learning: Sequence[Listed], fused: Sequence[Listed]) -> None:
    """Refuses to learn a run's weight on logits and apply it to the scores in a file, or the other way round.

    Raises:
        UserError: of two runs of a ranker, only one has its logits beside it.
    """
    for pair in zip(learning, fused, strict=True):
        without, having = sorted(pair, key=lambda one: "scores_sha256" in one.facts)
        if ("scores_sha256" in without.facts) != ("scores_sha256" in having.facts):
            raise UserError(
                f"{without.path}: has no {scores_file(without.path)}, but {having.path}, of the same ranker, has one; "
                "put it there, or give --scores file, so that weights are learnt on the scores that they are for"
            )


def refuse_shared_queries(learning: Sequence[Listed], fused: Sequence[Run], qrels: Qrels) -> None:
    """Refuses to learn on a judged query that is among those to fuse: the fused run's measures would be too high.

    Raises:
        UserError: there is such a query, or a learning run has no judged query.
    """
    judged = {query_id.encode() for query_id in qrels}
    for one in learning:
        found = set(one.run.query_ids.tolist())
        if not found & judged:
            raise UserError(f"{one.path}: holds none of the judged queries to learn from; give the judgments that fit")
        for run in fused:
            if shared := sorted(found & judged & set(run.query_ids.tolist())):
                raise UserError(
                    f"{one.path}: query {shared[0].decode()} is also in the runs to fuse ({len(shared)} are); learn "
                    "the weights on other queries, such as held-out training queries"
                )
