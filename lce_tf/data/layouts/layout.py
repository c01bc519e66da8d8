"""What a layout of data-set folders is, and the layouts by name: `LAYOUTS["beir"]`."""

from pathlib import Path

from lce_tf.data.records import Dataset
from lce_tf.foundation.registry import Registry


class Layout(Dataset):
    """A data set that is a folder: made with the folder's path, which becomes its `name`.

    Attributes:
        key: the layout's name; a class outside this package is named by its class path instead.
        help: one line for `lce list datasets`.
    """

    key: str = ""
    help: str = ""

    @classmethod
    def holds(cls, folder: Path) -> bool:
        """Whether `folder` holds a collection in this layout; only names of files are looked at."""
        raise TypeError(f"{cls.__name__} does not define how its folders are recognised")

    @classmethod
    def owns(cls, file: str) -> bool:
        """Whether a file of this layout may have this path below the folder, so that no output is written over it."""
        return False


LAYOUTS = Registry("lce_tf.data.layouts", "--dataset", Layout, "lce_tf.data.layouts.layout.Layout")
