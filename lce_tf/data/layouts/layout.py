"""The base class of layouts of dataset folders, and the layouts by name: `LAYOUTS["beir"]`."""

from pathlib import Path

from lce_tf.data.records import Dataset
from lce_tf.foundation.registry import Registry


class Layout(Dataset):
    """Base class of datasets that are folders; the constructor takes the folder's path, which becomes `name`.

    Attributes:
        key: the layout's name; a class of another project is named by its entry point or class path instead.
        help: one line for `lce list datasets`.
    """

    key: str = ""
    help: str = ""

    @classmethod
    def holds(cls, folder: Path) -> bool:
        """Whether `folder` holds a collection in this layout, judging by the names of its files only."""
        raise TypeError(f"{cls.__name__} does not define how its folders are recognised")

    @classmethod
    def owns(cls, file: str) -> bool:
        """Whether `file`, a path relative to the folder, may be one of this layout, which no output may overwrite."""
        return False


LAYOUTS = Registry("lce_tf.data.layouts", "--dataset", Layout, "lce_tf.data.layouts.layout.Layout")
