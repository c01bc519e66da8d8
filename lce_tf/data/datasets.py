"""Loads a dataset by name: a folder, an ir_datasets id, or `pydocs`."""

import os
from pathlib import Path

from lce_tf.data.beir import BeirDataset
from lce_tf.data.folder import FolderDataset, holds_collection
from lce_tf.data.irds import SPLITS, IrDataset
from lce_tf.data.records import Dataset, Passage
from lce_tf.data.text_files import one_of
from lce_tf.errors import UserError

__all__ = ["SPLITS", "Dataset", "Passage", "load_dataset"]


def load_dataset(name: str) -> Dataset:
    """The dataset called `name`; nothing is read or downloaded until it is needed.

    A path to a folder in MS MARCO's layout gives a `FolderDataset`, one in BEIR's layout a `BeirDataset`. Every other
    name is an ir_datasets id, including `pydocs`. A folder that has the name of an id but holds no collection is
    ignored.

    Raises:
        UserError: no such folder, or no such id; the message lists similar ids.
    """
    path = os.path.expanduser(name)
    if name.strip() and holds_collection(path):
        return FolderDataset(path) if one_of(Path(path), "collection", ("tsv",)) else BeirDataset(path)
    if os.path.isfile(path):
        raise UserError(f"{name}: is a file; name the folder that holds collection.tsv, or BEIR's corpus.jsonl")
    if name.startswith(("/", "./", "../", "~")) or name.endswith(os.sep) or name in (".", ".."):
        return FolderDataset(path)
    try:
        return IrDataset(name)
    except UserError:
        if name.strip() and os.path.isdir(path):
            return FolderDataset(path)  # says what is missing there
        raise
