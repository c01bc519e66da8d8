"""The number of rows of MS MARCO passage's files, and the format of their rows."""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from lce_tf.errors import UserError

COLLECTION = "collection.tsv"
TRAIN_QUERIES, TRAIN_QRELS, TRAIN_RUN = "queries.train.tsv", "qrels.train.tsv", "run.train.trec"
DEV_QUERIES, DEV_QRELS, DEV_RUN = "queries.dev.small.tsv", "qrels.dev.small.tsv", "run.dev.trec"
TRAIN_DEPTH, DEV_DEPTH = 200, 1000
# Query ids are drawn from this many numbers, as the official ids of train, dev and eval are.
QUERY_IDS = 1_185_870
# Bytes per row at full size, rounded up, for the check of the disk space.
_ROW_BYTES = {COLLECTION: 330, TRAIN_QUERIES: 45, TRAIN_QRELS: 20, TRAIN_RUN: 45, DEV_QUERIES: 45, DEV_QRELS: 20}
_ROW_BYTES |= {DEV_RUN: 45}
_TAG = b"lce_tf"


@dataclass(frozen=True)
class Sizes:
    """Numbers of rows; the defaults are MS MARCO passage's (version 1)."""

    passages: int = 8_841_823
    train_queries: int = 808_731
    judged_queries: int = 502_939
    train_judgments: int = 532_761
    dev_queries: int = 6_980
    dev_judgments: int = 7_437

    @classmethod
    def at(cls, scale: float) -> "Sizes":
        """The sizes times `scale`, but at least twice the passages of a dev list and a few queries.

        Raises:
            UserError: a scale that is not above 0 and at most 1.
        """
        if not 0 < scale <= 1:
            raise UserError(f"--scale {scale}: give a share of MS MARCO's size, above 0 and at most 1")
        least = {"passages": 2 * DEV_DEPTH, "train_queries": 16}
        scaled = {f.name: max(round(f.default * scale), least.get(f.name, 8)) for f in fields(cls)}
        return cls(**scaled)

    def rows(self) -> dict[str, int]:
        """The number of rows of each file, in the order of writing."""
        return {
            COLLECTION: self.passages,
            TRAIN_QUERIES: self.train_queries,
            TRAIN_QRELS: self.train_judgments,
            DEV_QUERIES: self.dev_queries,
            DEV_QRELS: self.dev_judgments,
            TRAIN_RUN: self.judged_queries * TRAIN_DEPTH,
            DEV_RUN: self.dev_queries * DEV_DEPTH,
        }

    def disk(self, folder: Path) -> int:
        """About how many bytes the files that are not yet in `folder` take."""
        return sum(rows * _ROW_BYTES[name] for name, rows in self.rows().items() if not (folder / name).is_file())


def qrels_rows(query_ids: np.ndarray, passage_ids: np.ndarray) -> bytes:
    """`query<tab>0<tab>passage<tab>1` for each judgment."""
    return _joined(len(query_ids), [_number(query_ids), b"\t0\t", _number(passage_ids), b"\t1\n"])


def trec_rows(query_ids: np.ndarray, passage_ids: np.ndarray, ranks: np.ndarray, scores: np.ndarray) -> bytes:
    """`query Q0 passage rank score tag` for each row, as `lce_tf.data.runs.write_trec` writes them.

    Args:
        scores: [rows] integers of nine digits, the score in units of 1e-7; nine digits are enough for a float32.
    """
    whole, point = np.divmod(scores, 10_000_000)
    columns = [_number(query_ids), b" Q0 ", _number(passage_ids), b" ", _number(ranks), b" ", _number(whole), b"."]
    return _joined(len(query_ids), [*columns, _digits(point, 7), b" " + _TAG + b"\n"])


def _number(values: np.ndarray) -> np.ndarray:
    """[rows, width] uint8 decimal digits, flush right, with zero bytes where a number is shorter."""
    width = len(str(int(values.max(initial=1))))
    table = _digits(values, width)
    table[:, :-1] *= values[:, None] >= _powers(width)[:-1]
    return table


def _digits(values: np.ndarray, width: int) -> np.ndarray:
    """[rows, width] uint8 decimal digits with leading zeros."""
    return (values[:, None] // _powers(width) % 10 + ord("0")).astype(np.uint8)


def _powers(width: int) -> np.ndarray:
    return 10 ** np.arange(width - 1, -1, -1)


def _joined(rows: int, columns: list[np.ndarray | bytes]) -> bytes:
    """The rows' bytes, one row after the other; zero bytes are blanks and left out."""
    parts = [
        np.broadcast_to(np.frombuffer(part, np.uint8), (rows, len(part))) if isinstance(part, bytes) else part
        for part in columns
    ]
    flat = np.concatenate(parts, axis=1).ravel()
    return flat[flat != 0].tobytes()
