"""Layouts of dataset folders, one file each; the layout of a folder is recognised by the names of its files.

The layouts of MS MARCO and BEIR are here. `package.module.Class:FOLDER` loads a folder in another project's layout.
"""

from pathlib import Path

from lce_tf.data.layouts.layout import LAYOUTS, Layout
from lce_tf.errors import UserError


def layout_of(folder: str | Path) -> type[Layout] | None:
    """The class of the layout in which `folder` holds a collection; None if it holds no collection.

    Raises:
        UserError: it holds collections in two layouts.
    """
    found = [name for name in LAYOUTS if LAYOUTS[name].holds(Path(folder))]
    if len(found) > 1:
        raise UserError(f"{folder}: holds data in the layouts {' and '.join(found)}; keep one of them in a folder")
    return LAYOUTS[found[0]] if found else None


def holds_collection(path: str | Path) -> bool:
    """Whether `path` is a folder with a collection in it, in any layout."""
    return any(LAYOUTS[name].holds(Path(path)) for name in LAYOUTS)


def spare_own_file(output: str | Path) -> None:
    """Refuses to overwrite a file of a dataset folder.

    Raises:
        UserError: `output` is an existing collection, queries or judgments file of a dataset folder.
    """
    output = Path(output)
    for name in LAYOUTS:
        for folder in output.parents[:2]:
            owned = LAYOUTS[name].owns(output.relative_to(folder).as_posix())
            if owned and output.is_file() and LAYOUTS[name].holds(folder):
                raise UserError(f"{output}: is a file of the data set there, which would be lost; name another output")
