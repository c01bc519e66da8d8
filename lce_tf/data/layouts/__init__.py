"""Layouts of data-set folders: a file each, found by what lies in the folder.

MS MARCO's and BEIR's are here; `package.module.Class:FOLDER` names one of another project's.
"""

from pathlib import Path

from lce_tf.data.layouts.layout import LAYOUTS, Layout
from lce_tf.errors import UserError


def layout_of(folder: str | Path) -> type[Layout] | None:
    """The layout in which `folder` holds a collection; None where it holds none.

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
    """Refuses to write over a file of a dataset's folder.

    Raises:
        UserError: the collection, queries or judgments of a folder with a collection are at `output`.
    """
    output = Path(output)
    for name in LAYOUTS:
        for folder in output.parents[:2]:
            owned = LAYOUTS[name].owns(output.relative_to(folder).as_posix())
            if owned and output.is_file() and LAYOUTS[name].holds(folder):
                raise UserError(f"{output}: is a file of the data set there, which would be lost; name another output")
