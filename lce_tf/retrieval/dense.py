"""Exact dense retrieval: an encoder's passage vectors are cached and searched by inner product with faiss."""

import itertools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from lce_tf.data.datasets import Dataset
from lce_tf.data.runs import Run
from lce_tf.errors import UserError
from lce_tf.foundation.files import built_folder, cache_dir
from lce_tf.foundation.progress import Progress
from lce_tf.retrieval import queries_to_search

ENCODE_BLOCK = 8_192  # texts passed to the encoder at once; it makes its own batches
PASSAGE_BLOCK_BYTES = 1 << 29  # bytes of passage vectors copied from the memory map at once
QUERY_BLOCK = 2_048  # queries searched at once


class Embed(Protocol):
    """An encoder: returns one vector per text. A passage's score is the inner product of its vector and the query's."""

    key: str  # identifies weights, configuration, pooling and normalisation; part of the name of the cache folder

    def __call__(self, texts: Sequence[str], kind: Literal["query", "passage"]) -> np.ndarray:
        """[texts, dimensions] float32."""


def search(
    embed: Embed,
    dataset: Dataset,
    split: str | None,
    depth: int,
    threads: int | None = None,
    judged: bool = False,
) -> Run:
    """The run of the split's queries by inner product: the best `depth` passages per query, or all if there are fewer.

    `judged` searches only for queries with a relevant passage. Passages with equal scores keep the collection's
    order, and at the depth the first ones of them are taken. Memory holds the queries' vectors and results and one
    block of passages; it does not grow with the collection.

    Raises:
        UserError: a depth below 1, a split without queries, or vectors that are not finite.
    """
    queries = queries_to_search(dataset, split, depth, judged)
    passage_ids, passages = passage_vectors(embed, dataset)
    vectors = embedded(embed, list(queries), list(queries.values()), "query")
    positions, scores = nearest(vectors, passages, depth, threads)
    return Run.build(
        np.array([query_id.encode() for query_id in queries], dtype="S"),
        np.arange(len(queries) + 1, dtype=np.int64) * positions.shape[1],
        passage_ids[positions.reshape(-1)],
        scores.reshape(-1).astype(np.float64),
        "dense",
    )


def passage_vectors(embed: Embed, dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """The collection's ids [passages] 'S' and vectors [passages, dimensions] float32, memory-mapped.

    Encoded on first use into `cache_dir()/dense/<collection_key>-<embed.key>`.
    """
    path = cache_dir() / "dense" / f"{dataset.collection_key}-{embed.key}"
    if not path.is_dir():
        _build(embed, dataset, path)
    try:
        ids, vectors = (np.load(path / name, mmap_mode="r") for name in ("ids.npy", "vectors.npy"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error}); delete the folder to encode again") from error
    if len(ids) != len(vectors):
        raise UserError(f"{path}: {len(ids)} ids but {len(vectors)} vectors; delete the folder to encode again")
    return ids, vectors


def nearest(
    queries: np.ndarray, passages: np.ndarray, depth: int, threads: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Positions [queries, k] int64 and scores [queries, k] float32 of the k = min(depth, passages) best, best first.

    Of equal scores the lower position comes first, also where they straddle the k-th place.
    `queries` [queries, dimensions] and `passages` [passages, dimensions] are float32. faiss gets one block of passages
    at a time, because IndexFlatIP copies its input.
    """
    import faiss

    depth = min(depth, len(passages))
    positions = np.empty((len(queries), 0), np.int64)
    scores = np.empty((len(queries), 0), np.float32)
    faiss.omp_set_num_threads(threads or os.cpu_count() or 1)
    block = max(1, PASSAGE_BLOCK_BYTES // (4 * passages.shape[1]))
    with Progress("dense", len(queries) * len(passages), "pairs") as progress:
        for first in range(0, len(passages), block):
            index = faiss.IndexFlatIP(passages.shape[1])
            index.add(np.ascontiguousarray(passages[first : first + block]))
            k = min(depth, positions.shape[1] + index.ntotal)
            merged = np.empty((len(queries), k), np.int64), np.empty((len(queries), k), np.float32)
            for start in range(0, len(queries), QUERY_BLOCK):
                rows = slice(start, start + QUERY_BLOCK)
                new_scores, new_positions = _searched(index, queries[rows], min(depth, index.ntotal))
                merged[0][rows], merged[1][rows] = _best(
                    np.concatenate([positions[rows], new_positions + first], axis=1),
                    np.concatenate([scores[rows], new_scores], axis=1),
                    k,
                )
                progress.advance(len(new_scores) * index.ntotal)
            positions, scores = merged
    return positions, scores


def _searched(index: Any, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores [queries, k] and positions in the index of the k best; of equal scores at the k-th place, the first ones.

    faiss takes any of them. One hit more than k shows whether the k-th score goes on. Where it does, twice as many are
    searched for, until they hold all passages with that score.
    """
    scores, positions = np.empty((len(queries), k), np.float32), np.empty((len(queries), k), np.int64)
    rows, wanted = np.arange(len(queries)), k + 1
    while len(rows):
        found_scores, found = index.search(queries[rows], min(wanted, index.ntotal))
        positions[rows], scores[rows] = _best(found, found_scores, k)
        if wanted >= index.ntotal:
            break
        rows, wanted = rows[found_scores[:, -1] == scores[rows, -1]], 2 * wanted
    return scores, positions


def _best(positions: np.ndarray, scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The k highest scores of each row; equal scores are ordered by position."""
    order = np.lexsort((positions, -scores), axis=1)[:, :k]
    return np.take_along_axis(positions, order, axis=1), np.take_along_axis(scores, order, axis=1)


def _build(embed: Embed, dataset: Dataset, path: Path) -> None:
    passages, ids = iter(dataset.passages()), []
    with built_folder(path) as folder, open(folder / "vectors.npy", "wb") as file:
        with Progress("encoding", None, "passages") as progress:
            while block := list(itertools.islice(passages, ENCODE_BLOCK)):
                names = [passage.passage_id for passage in block]
                vectors = embedded(embed, names, [passage.text for passage in block], "passage")
                if not ids:
                    _write_header(file, 0, vectors.shape[1])
                ids.append(np.array([name.encode() for name in names], dtype="S"))
                file.write(vectors.tobytes())
                progress.advance(len(block))
        if not ids:
            raise UserError(f"{dataset.name}: has no passages; there is nothing to encode")
        file.seek(0)
        _write_header(file, sum(map(len, ids)), vectors.shape[1])
        file.flush()
        np.save(folder / "ids.npy", np.concatenate(ids))


def _write_header(file, rows: int, dimensions: int) -> None:
    """Writes the .npy header. NumPy pads it, so the final header with the number of rows has the same size."""
    np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (rows, dimensions)})


def embedded(embed: Embed, names: list[str], texts: list[str], kind: Literal["query", "passage"]) -> np.ndarray:
    """[texts, dimensions] float32 vectors, checked to be finite; `names` are the texts' ids, for the error message."""
    vectors = np.ascontiguousarray(embed(texts, kind), dtype="<f4")
    if vectors.ndim != 2 or len(vectors) != len(texts):
        raise ValueError(f"embed gave an array of shape {vectors.shape} for {len(texts)} texts; expected [texts, dim]")
    wrong = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(wrong):
        raise UserError(
            f"{kind} {names[wrong[0]]}: the encoder's vector is not finite ({len(wrong)} such in the block)"
        )
    return vectors
