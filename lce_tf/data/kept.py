"""Caches arrays that take minutes to make: as files in the cache, memory-mapped from there."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lce_tf.errors import UserError
from lce_tf.foundation.files import built_folder, read_array, read_json, write_json

Arrays = dict[str, np.ndarray]


def kept_arrays(folder: Path, make: Callable[[], tuple[Arrays, dict[str, Any]]]) -> tuple[Arrays, dict[str, Any]]:
    """The arrays and facts kept in `folder`, whose name must identify everything they depend on.

    Args:
        make: called if the folder is missing or incomplete; returns arrays by name, and facts that JSON can hold.

    Returns:
        Read-only memory-mapped arrays, and the facts. If the cache cannot be written, a note on stderr says so, and the
            result of `make` is returned.
    """
    if found := _opened(folder):
        return found
    arrays, facts = make()
    if found := _opened(folder):  # another process has made it in the meantime, and may be using it
        return found
    try:
        shutil.rmtree(folder, ignore_errors=True)
        with built_folder(folder) as scratch:
            for name, values in arrays.items():
                np.save(scratch / f"{name}.npy", values, allow_pickle=False)
            shapes = {name: [values.dtype.str, list(values.shape)] for name, values in arrays.items()}
            write_json(scratch / "kept.json", {"arrays": shapes, "facts": facts})
    except (OSError, UserError) as error:
        print(f"note: {folder}: could not be kept, and will be made again each time ({error})", file=sys.stderr)
        return arrays, facts
    del arrays  # use the mapped ones from here on, to free the memory
    return _opened(folder) or make()


def _opened(folder: Path) -> tuple[Arrays, dict[str, Any]] | None:
    """What `kept_arrays` wrote into `folder`; None if it is missing or incomplete."""
    try:
        record = read_json(folder / "kept.json")
        arrays = {name: read_array(folder / f"{name}.npy", mapped=True) for name in record["arrays"]}
        whole = all([a.dtype.str, list(a.shape)] == record["arrays"][name] for name, a in arrays.items())
        return ({name: np.asarray(a) for name, a in arrays.items()}, record["facts"]) if whole else None
    except (OSError, KeyError, TypeError, UserError):
        return None
