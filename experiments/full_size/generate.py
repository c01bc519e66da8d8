"""`python -m experiments.full_size.generate`: writes random files with MS MARCO passage's layout and sizes."""

import argparse
import shutil
import sys
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path

import numpy as np

from experiments.full_size import layout, words
from experiments.full_size.layout import Sizes
from lce_tf.data.draws import draw
from lce_tf.errors import UserError
from lce_tf.foundation.arguments import HelpFormatter, command_main
from lce_tf.foundation.files import make_folder, read_json, write_json, written
from lce_tf.foundation.progress import Progress

TEXTS_A_BLOCK, ROWS_A_BLOCK = 8192, 1 << 19
PLAN = "full-size.json"
# Parts of the keys of random draws, so that different draws are independent; texts use 1 and 2.
_QUERY_IDS, _PASSAGES, _JUDGED, _SECOND, _RELEVANT, _LISTS, _HITS, _SCORES = range(3, 11)
# Share of the queries whose relevant passage the run retrieves: about BM25's recall at this depth.
_RETRIEVED = 0.8

Blocks = Iterator[tuple[int, bytes]]


class FullSize:
    """The files' contents, block by block; they depend only on sizes and seed."""

    def __init__(self, sizes: Sizes, seed: int):
        self.sizes, self.seed = sizes, seed
        order = self._order(_QUERY_IDS, layout.QUERY_IDS)
        self.train_ids, rest = order[: sizes.train_queries], order[sizes.train_queries :]
        self.dev_ids = rest[: sizes.dev_queries]
        # The judged queries are scattered among the training queries, and keep their order.
        self.judged_ids = self.train_ids[np.sort(self._order(_JUDGED, sizes.train_queries)[: sizes.judged_queries])]

    def blocks(self) -> dict[str, Callable[[], Blocks]]:
        """File -> a function that yields (rows, bytes) of its blocks; in the order of writing."""
        train, dev = (self.judged_ids, self.sizes.train_judgments), (self.dev_ids, self.sizes.dev_judgments)
        return {
            layout.COLLECTION: lambda: self._texts(words.PASSAGES, np.arange(self.sizes.passages)),
            layout.TRAIN_QUERIES: lambda: self._texts(words.QUERIES, self.train_ids),
            layout.TRAIN_QRELS: lambda: self._qrels(*train),
            layout.DEV_QUERIES: lambda: self._texts(words.QUERIES, self.dev_ids),
            layout.DEV_QRELS: lambda: self._qrels(*dev),
            layout.TRAIN_RUN: lambda: self._run(*train, layout.TRAIN_DEPTH),
            layout.DEV_RUN: lambda: self._run(*dev, layout.DEV_DEPTH),
        }

    def judgments(self, query_ids: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """(place in `query_ids`, passage id) of each relevant pair, a query's pairs together: every query has one, and
        the further pairs are of random queries."""
        more = self._below(len(query_ids), _SECOND, query_ids[: count - len(query_ids)])
        number = 1 + np.bincount(more, minlength=len(query_ids))
        owners = np.repeat(np.arange(len(query_ids)), number)
        which = np.arange(count) - np.repeat(np.cumsum(number) - number, number)
        first = self._below(self.sizes.passages, _RELEVANT, query_ids)
        return owners, (first[owners] + which) % self.sizes.passages

    def ranked(self, query_ids: np.ndarray, relevant: np.ndarray, depth: int) -> tuple[np.ndarray, np.ndarray]:
        """The lists of some queries: [queries, depth] distinct passage ids per list, and scores as nine-digit integers.

        Args:
            relevant: [queries] a relevant passage of each, put into the lists of most of them.
        """
        start = self._below(self.sizes.passages, _LISTS, query_ids)
        passages = self._scattered[(start[:, None] + np.arange(depth)) % self.sizes.passages].astype(np.int64)
        share = draw(self.seed, _HITS, query_ids) / 2.0**64
        hits = np.flatnonzero((share < _RETRIEVED) & ~(passages == relevant[:, None]).any(axis=1))
        # Better ranks are more likely.
        passages[hits, (depth * (share[hits] / _RETRIEVED) ** 3).astype(np.int64)] = relevant[hits]
        # From between 20 and 40 down to at least 11, in random steps.
        top = 200_000_000 + self._below(200_000_000, _SCORES, query_ids, 0)
        steps = 1 + self._below(90_000_000 // depth, _SCORES, query_ids[:, None], 1 + np.arange(depth))
        return passages, top[:, None] - np.cumsum(steps, axis=1)

    def _texts(self, kind: words.Texts, ids: np.ndarray) -> Blocks:
        for first in range(0, len(ids), TEXTS_A_BLOCK):
            block = ids[first : first + TEXTS_A_BLOCK].tolist()
            rows = zip(block, words.drawn(kind, self.seed, block[0], len(block)), strict=True)
            yield len(block), b"".join([b"%d\t%b\n" % row for row in rows])

    def _qrels(self, query_ids: np.ndarray, count: int) -> Blocks:
        """In the order of passage ids, as the official files are."""
        owners, passages = self.judgments(query_ids, count)
        order = np.argsort(passages, kind="stable")
        yield count, layout.qrels_rows(query_ids[owners[order]], passages[order])

    def _run(self, query_ids: np.ndarray, count: int, depth: int) -> Blocks:
        owners, passages = self.judgments(query_ids, count)
        relevant = passages[np.flatnonzero(np.diff(owners, prepend=-1))]
        size = max(ROWS_A_BLOCK // depth, 1)
        for first in range(0, len(query_ids), size):
            block = query_ids[first : first + size]
            ranked, scores = self.ranked(block, relevant[first : first + size], depth)
            ranks = np.tile(np.arange(1, depth + 1), len(block))
            yield ranked.size, layout.trec_rows(np.repeat(block, depth), ranked.ravel(), ranks, scores.ravel())

    @cached_property
    def _scattered(self) -> np.ndarray:
        """All passage ids in a random order. Each list is a stretch of it, so no list has a passage twice."""
        return self._order(_PASSAGES, self.sizes.passages).astype(np.int32)

    def _order(self, kind: int, count: int) -> np.ndarray:
        return np.argsort(draw(self.seed, kind, np.arange(count)), kind="stable")

    def _below(self, limit: int, *key: int | np.ndarray) -> np.ndarray:
        return (draw(self.seed, *key) % np.uint64(limit)).astype(np.int64)


def generate(folder: str | Path, scale: float = 1.0, seed: int = 42) -> Path:
    """Writes the files that `folder` does not have yet, each complete or not at all, and returns the folder.

    Raises:
        UserError: the folder holds files of another scale or seed, or the disk is too small.
    """
    sizes = Sizes.at(scale)
    folder, plan = make_folder(folder), {"scale": scale, "seed": seed, "rows": sizes.rows()}
    if (folder / PLAN).is_file():
        if (found := read_json(folder / PLAN)) != plan:
            raise UserError(
                f"{folder}: holds files of scale {found.get('scale')} and seed {found.get('seed')}; "
                "give these, or another folder"
            )
    elif any(folder.iterdir()):
        raise UserError(f"{folder}: holds other files; name a new folder")
    need, free = sizes.disk(folder), shutil.disk_usage(folder).free
    if need > free:
        raise UserError(f"{folder}: {need / 1e9:.1f} GB are needed, {free / 1e9:.1f} GB are free; name another folder")
    write_json(folder / PLAN, plan)
    blocks = FullSize(sizes, seed).blocks()
    for name, rows in sizes.rows().items():
        if not (folder / name).is_file():
            with written(folder / name, "wb") as file, Progress(name, rows, "rows") as progress:
                for count, data in blocks[name]():
                    file.write(data)
                    progress.advance(count)
    return folder


def parser() -> argparse.ArgumentParser:
    """The command line."""
    result = argparse.ArgumentParser(
        prog="python -m experiments.full_size.generate",
        description=__doc__.partition(": ")[2],
        formatter_class=HelpFormatter,
    )
    result.add_argument("folder", help="folder to write to; made if it is not there, completed if it is")
    result.add_argument("--scale", type=float, default=1.0, help="share of the full size, such as 0.001")
    result.add_argument("--seed", type=int, default=42, help="of everything that is drawn")
    return result


def _main(arguments: argparse.Namespace) -> None:
    folder = generate(**vars(arguments))
    for name in read_json(folder / PLAN)["rows"]:
        print(f"{(folder / name).stat().st_size:>14,} bytes  {folder / name}")


main = command_main(parser, _main)

if __name__ == "__main__":
    sys.exit(main())
