"""The file of a collection: the cache key made from its contents, and a check that the file did not change."""

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
        """Records the SHA-256 of the bytes that were read, so that everything cached under `key` comes from the same
        bytes.

        Raises:
            UserError: the digest differs from the one in `key`.
        """
        if self.__dict__.setdefault("_sha256", sha256) != sha256:
            raise UserError(f"{self.path}: changed while it was read; try again once it is complete")

    @functools.cached_property
    def _sha256(self) -> str:
        return file_sha256(self.path)
