"""Loads a dataset by name: a folder, an ir_datasets id, or `pydocs`."""

import os
from pathlib import Path

from lce_tf.data.irds import SPLITS, IrDataset
from lce_tf.data.layouts import LAYOUTS, layout_of
from lce_tf.data.layouts.msmarco import MsMarcoFolder
from lce_tf.data.records import Dataset, Passage
from lce_tf.errors import UserError

__all__ = ["SPLITS", "Dataset", "Passage", "load_dataset"]


def load_dataset(name: str) -> Dataset:
    """The dataset called `name`; nothing is read or downloaded until it is needed.

    The path of a folder with a collection is opened in the layout of its files (`lce list datasets` lists the layouts),
    `package.module.Class:FOLDER` in the layout of that class. Any other name is an ir_datasets id or `pydocs`, even if
    a folder without a collection has the same name.

    Raises:
        UserError: there is no such folder, the folder holds no collection, the name is that of a file, or there is no
            such id; the message lists similar ids.
    """
    path = os.path.expanduser(name)
    if name.strip() and (layout := layout_of(path)):
        return layout(path)
    if os.path.isfile(path):
        raise UserError(f"{name}: is a file; name the folder that holds collection.tsv, or BEIR's corpus.jsonl")
    class_path, colon, folder = name.partition(":")
    if colon and "." in class_path and all(part.isidentifier() for part in class_path.split(".")):
        return LAYOUTS[class_path](os.path.expanduser(folder))
    if name.startswith(("/", "./", "../", "~")) or name.endswith(os.sep) or name in (".", ".."):
        return MsMarcoFolder(path)  # raises an error that says what is missing
    try:
        return IrDataset(name)
    except UserError:
        if name.strip() and Path(path).is_dir():
            return MsMarcoFolder(path)
        raise
