"""Arrays that take minutes to make: kept in the cache as files, and memory-mapped from then on."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lce_tf.errors import UserError
from lce_tf.files import built_folder, read_array, read_json, write_json

Arrays = dict[str, np.ndarray]


def kept_arrays(folder: Path, make: Callable[[], tuple[Arrays, dict[str, Any]]]) -> tuple[Arrays, dict[str, Any]]:
    """The arrays and facts kept in `folder`, whose name must change with whatever they are made of.

    Args:
        make: called where nothing is there yet, or something torn; gives arrays by name, and facts that JSON can hold.

    Returns:
        Arrays that cannot be written to and need memory only as far as they are used, and the facts. Where the cache
        cannot be written, a note says so, and they are what `make` gave.
    """
    if found := _opened(folder):
        return found
    arrays, facts = make()
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
    del arrays  # the mapped ones take their place
    return _opened(folder) or make()


def _opened(folder: Path) -> tuple[Arrays, dict[str, Any]] | None:
    """What `kept_arrays` wrote into `folder`; None where nothing is there or it is not whole."""
    try:
        record = read_json(folder / "kept.json")
        arrays = {name: read_array(folder / f"{name}.npy", mapped=True) for name in record["arrays"]}
        whole = all([a.dtype.str, list(a.shape)] == record["arrays"][name] for name, a in arrays.items())
        return ({name: np.asarray(a) for name, a in arrays.items()}, record["facts"]) if whole else None
    except (OSError, KeyError, TypeError, UserError):
        return None
