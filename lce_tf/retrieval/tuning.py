"""Tunes BM25's k1 and b as in the paper: R@1000 on five random sets of queries, then the mean of the five optima.

On MS MARCO's training queries this gave the known pair k1 = 0.82, b = 0.68 (Anserini's notes on MS MARCO passages: five
sets of 10,000 training queries, each tuned separately, then the parameters averaged).
"""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from lce_tf.data.datasets import Dataset
from lce_tf.data.draws import TUNING_QUERIES, draw
from lce_tf.data.qrels import Qrels
from lce_tf.errors import UserError
from lce_tf.evaluation.measures import evaluate, mean
from lce_tf.foundation.files import cache_dir, read_json, write_json
from lce_tf.foundation.progress import Progress
from lce_tf.retrieval import bm25, jvm, queries_to_search

DEPTH, MEASURE = 1000, "R@1000"
_SUBSETS = 5


@dataclass(frozen=True)
class Grid:
    """The grid and the query subsets of a search for k1 and b; the defaults are the paper's.

    Attributes:
        k1, b: values, ascending; every combination is a point of the grid.
        size: queries in a subset; `tune` takes at most half of the split's judged queries, so that the five subsets
            differ.
        seed: seed for drawing the subsets.
    """

    k1: tuple[float, ...] = (0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2)
    b: tuple[float, ...] = (0.5, 0.6, 0.7, 0.8, 0.9)
    size: int = 10_000
    seed: int = 42

    def __post_init__(self):
        for name, values in (("k1", self.k1), ("b", self.b)):
            if not values or list(values) != sorted(set(values)):
                raise UserError(
                    f"--{name}-grid {','.join(map(str, values))}: give different numbers in ascending order"
                )
        for k1, b in self.points:
            bm25.check_parameters(k1, b)
        if self.size < 1:
            raise UserError(f"--subset {self.size}: must be 1 or more queries")
        if not 0 <= self.seed < 1 << 63:
            raise UserError(f"--seed {self.seed}: give a whole number from 0 to 2^63 - 1")

    @property
    def points(self) -> list[tuple[float, float]]:
        """Every (k1, b), ordered by k1, then b."""
        return [(k1, b) for k1 in self.k1 for b in self.b]


@dataclass(frozen=True)
class Tuning:
    """The result of a grid search.

    Attributes:
        dataset, split: names of the data set and the split of its queries.
        collection: key of the data set's passages, `Dataset.collection_key`.
        grid: the points and the size and seed of the subsets.
        queries: number of judged queries of the split.
        size: number of queries in each subset.
        recall: [points, subsets] R@1000, the points in the order of `Grid.points`.
        optima: the (k1, b) with the highest R@1000 for each subset; ties go to the smallest k1, then the smallest b.
        k1, b: the mean of the optima.
        path: the JSON file that holds these results.
        language: of the texts, which decides how they are split into words.
    """

    dataset: str
    split: str | None
    collection: str
    grid: Grid
    queries: int
    size: int
    recall: tuple[tuple[float, ...], ...]
    optima: tuple[tuple[float, float], ...]
    k1: float
    b: float
    path: Path
    language: str = "en"

    def mean_recall(self) -> np.ndarray:
        """[k1, b] R@1000, the mean over the subsets."""
        return np.array(self.recall).mean(axis=1).reshape(len(self.grid.k1), len(self.grid.b))


def tune(
    dataset: Dataset, split: str | None, grid: Grid | None = None, threads: int | None = None, language: str = "en"
) -> Tuning:
    """The k1 and b tuned on a split's judged queries, and R@1000 at every point; read from the cache if possible.

    The cache is a JSON file in `cache_dir()/bm25/tuning`, named by collection, queries, judgments, grid, the version of
    Anserini and the language. Each point is written as soon as it is measured, so an interrupted call continues where
    it stopped.

    Raises:
        UserError: the split has fewer than two judged queries, the language is unknown, or the cached file is not of
            this search.
    """
    bm25.check_language(language)
    grid = grid or Grid()
    queries = queries_to_search(dataset, split, DEPTH, judged=True)
    judged = dataset.qrels(split)
    qrels = {query_id: judged[query_id] for query_id in queries}
    if len(queries) < 2:
        raise UserError(f"{dataset.name}: split {split!r} has one judged query; tuning needs two or more")
    size = min(grid.size, len(queries) // 2)
    path = cache_dir() / "bm25" / "tuning" / f"{dataset.collection_key}-{_key(queries, qrels, grid, language)}.json"
    chosen = subsets(list(queries), size, grid.seed)
    recall = _known(path, grid)
    head = {
        "dataset": dataset.name,
        "split": split,
        "collection": dataset.collection_key,
        "language": language,
        "measure": MEASURE,
        "grid": asdict(grid),
        "queries": len(queries),
        "size": size,
    }
    if len(recall) < len(grid.points):
        _measure(bm25.Index(dataset, threads, language), queries, qrels, chosen, grid, recall, path, head)
    optima = tuple(_best(grid, [row[i] for row in recall]) for i in range(_SUBSETS))
    k1, b = (round(float(np.mean(values)), 4) for values in zip(*optima, strict=True))
    found = Tuning(
        dataset.name, split, dataset.collection_key, grid, len(queries), size,
        tuple(map(tuple, recall)), optima, k1, b, path, language,
    )  # fmt: skip
    if "mean" not in read_json(path):
        write_json(path, _record(head, grid, recall) | {"optima": optima, "mean": {"k1": k1, "b": b}})
    return found


def subsets(query_ids: Sequence[str], size: int, seed: int) -> list[list[str]]:
    """Five sets of `size` query ids, each drawn without replacement; they depend only on the seed and the ids.

    The sets are drawn independently, so a query may be in several.
    """
    ordered = sorted(query_ids)
    digests = b"".join(hashlib.blake2b(name.encode(), digest_size=8).digest() for name in ordered)
    keys = np.frombuffer(digests, "<u8")
    orders = (np.argsort(draw(seed, TUNING_QUERIES, subset, keys), kind="stable")[:size] for subset in range(_SUBSETS))
    return [[ordered[index] for index in sorted(order.tolist())] for order in orders]


def _measure(
    index: bm25.Index,
    queries: dict[str, str],
    qrels: Qrels,
    chosen: list[list[str]],
    grid: Grid,
    recall: list[list[float]],
    path: Path,
    head: dict,
) -> None:
    """Measures the missing points, appends them to `recall` and writes the file after each."""
    wanted = set().union(*chosen)
    texts = {query_id: text for query_id, text in queries.items() if query_id in wanted}
    judged = {query_id: qrels[query_id] for query_id in texts}
    points = grid.points
    with Progress("tuning BM25", len(points), "points", initial=len(recall)) as progress:
        for k1, b in points[len(recall) :]:
            values = evaluate(index.search(texts, DEPTH, k1, b, quiet=True), judged, [MEASURE])[MEASURE]
            # Rounded, so that floating-point errors do not decide between points of equal recall.
            recall.append([round(mean(values[query_id] for query_id in subset), 10) for subset in chosen])
            write_json(path, _record(head, grid, recall))
            progress.advance(1)


def _record(head: dict, grid: Grid, recall: list[list[float]]) -> dict:
    rows = zip(grid.points, recall, strict=False)
    return head | {"points": [{"k1": k1, "b": b, "recall": values} for (k1, b), values in rows]}


def _known(path: Path, grid: Grid) -> list[list[float]]:
    """[measured points][subsets] R@1000 of an earlier call, in the grid's order; [] if there is no file."""
    if not os.path.isfile(path):
        return []
    try:
        points = [(point["k1"], point["b"], point["recall"]) for point in read_json(path)["points"]]
    except (KeyError, TypeError):
        points = [(None, None, [])]
    expected = grid.points[: len(points)]
    if [point[:2] for point in points] != expected or any(len(point[2]) != _SUBSETS for point in points):
        raise UserError(f"{path}: is not a file of this search; delete it to tune again")
    return [list(point[2]) for point in points]


def _best(grid: Grid, recall: list[float]) -> tuple[float, float]:
    """The point with the highest R@1000; ties go to the smallest k1, then the smallest b."""
    return grid.points[recall.index(max(recall))]


def _key(queries: dict[str, str], qrels: Qrels, grid: Grid, language: str) -> str:
    # The number of threads and the order of queries and judgments are left out: they do not change the result.
    parts = [sorted(queries.items()), sorted((query, sorted(ids.items())) for query, ids in qrels.items())]
    parts += [asdict(grid), jvm.anserini_version() + bm25.suffix(language)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
