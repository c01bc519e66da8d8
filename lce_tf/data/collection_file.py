"""A collection's file: the key that its contents are kept under, and the promise that no others are."""

import functools
from pathlib import Path

from lce_tf.data.hashes import file_sha256
from lce_tf.data.records import slug
from lce_tf.errors import UserError


class CollectionFile:
    """The file at `path` in the dataset `folder`."""

    def __init__(self, path: Path, folder: Path):
        self.path, self._folder = path, folder

    @property
    def key(self) -> str:
        """The folder's name and the first 16 digits of the SHA-256 of the file's bytes."""
        return f"{slug(self._folder.resolve().name)}-{self._sha256[:16]}"

    def was_read(self, sha256: str) -> None:
        """Tells which bytes were read: what is kept under `key` is made of no others.

        Raises:
            UserError: they are not those that `key` was made of.
        """
        if self.__dict__.setdefault("_sha256", sha256) != sha256:
            raise UserError(f"{self.path}: changed while it was read; try again once it is complete")

    @functools.cached_property
    def _sha256(self) -> str:
        return file_sha256(self.path)
