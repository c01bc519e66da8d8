"""MS MARCO's passage files as they are published, in a folder of one's own instead of a download."""

from pathlib import Path

from lce_tf.errors import UserError

# Of collectionandqueries.tar.gz; the tables need no more, and Table 4's submission the eval queries besides.
OFFICIAL = ("collection.tsv", "queries.train.tsv", "queries.dev.small.tsv", "qrels.train.tsv", "qrels.dev.small.tsv")
EVAL = "queries.eval.small.tsv"


def official_folder(path: str | Path) -> str:
    """`path` as a data set's name, once the files that the tables need are seen there, gzipped or not.

    Raises: UserError that names the files which are missing.
    """
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise UserError(f"--data-dir {path}: no such folder; it holds {', '.join(OFFICIAL)} and {EVAL}")
    missing = [name for name in OFFICIAL if not any((folder / f"{name}{end}").is_file() for end in ("", ".gz"))]
    if missing:
        raise UserError(
            f"--data-dir {path}: has no {', '.join(missing)}; unpack MS MARCO's collectionandqueries.tar.gz there"
        )
    return str(folder.resolve())
