"""MS MARCO's passage files as they are published, in a local folder instead of a download."""

from pathlib import Path

from lce_tf.data.layouts import holds_collection
from lce_tf.errors import UserError

# The files of collectionandqueries.tar.gz that the tables need; Table 4's submission also needs `EVAL`.
OFFICIAL = ("collection.tsv", "queries.train.tsv", "queries.dev.small.tsv", "qrels.train.tsv", "qrels.dev.small.tsv")
EVAL = "queries.eval.small.tsv"
DEV_QUERIES = 6980


def official_folder(path: str | Path) -> str:
    """`path` as a data set's name, after checking that it has the files that the tables need, gzipped or not.

    Raises: UserError that names the files which are missing.
    """
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise UserError(f"--data-dir {path}: no such folder; it holds {', '.join(OFFICIAL)} and {EVAL}")
    if missing := _missing(folder):
        raise UserError(
            f"--data-dir {path}: has no {', '.join(missing)}; unpack MS MARCO's collectionandqueries.tar.gz there"
        )
    return str(folder.resolve())


def holds_official(path: str | Path) -> bool:
    """Whether `path` is a folder with the files that the tables need, under MS MARCO's names."""
    return not _missing(Path(path).expanduser())


def is_msmarco(dataset: str, dev_queries: int) -> bool:
    """Whether the data set is MS MARCO passage: by its id, or by the official files with all judged dev queries."""
    if holds_collection(Path(dataset).expanduser()):
        return holds_official(dataset) and dev_queries == DEV_QUERIES
    return dataset.partition("/")[0] == "msmarco-passage"


def _missing(folder: Path) -> list[str]:
    return [name for name in OFFICIAL if not any((folder / f"{name}{end}").is_file() for end in ("", ".gz"))]
