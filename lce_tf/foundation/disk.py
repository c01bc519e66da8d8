"""Versions of the files that this package writes and reads again; a file of an unsupported version is refused.

A kind's version is raised when its earlier files can no longer be read as they are. A file without a version counts as
version 1.
"""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lce_tf.errors import UserError
from lce_tf.foundation.files import read_json, write_json

KEY = "layout_version"


@dataclass(frozen=True)
class Kind:
    """A kind of files that this package writes and reads again.

    Attributes:
        what: name of the kind in error messages, such as "a checkpoint".
        version: version that is written, and the newest that is read.
        oldest: oldest version that is read.
        instead: what the error for a file that is older, or not a JSON object, tells the user to do.
    """

    what: str
    version: int = 1
    oldest: int = 1
    instead: str = "make it again"

    def stamped(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """`facts` and the version, to be written as JSON."""
        return {**facts, KEY: self.version}

    def check(self, facts: Any, file: str | Path) -> dict[str, Any]:
        """The facts without the version, which is checked: the inverse of `stamped`.

        Args:
            facts: contents of a JSON file.
            file: the file's path, for error messages.

        Raises:
            UserError: the facts are not a JSON object, or have a version that is not supported.
        """
        if not isinstance(facts, dict):
            raise UserError(f"{file}: is not a JSON object, which {self.what} is; {self.instead}")
        version = facts.get(KEY, 1)
        if isinstance(version, bool) or not isinstance(version, int) or version > self.version:
            raise UserError(
                f"{file}: is {self.what} of version {version!r:.20}, and this lce_tf reads up to {self.version}; "
                "update lce_tf"
            )
        if version < self.oldest:
            raise UserError(
                f"{file}: is {self.what} of version {version}, and this lce_tf reads {self.oldest} and later; "
                f"{self.instead}"
            )
        return {name: value for name, value in facts.items() if name != KEY}

    @contextlib.contextmanager
    def reading(self, file: str | Path) -> Iterator[None]:
        """Within the block, an error that wrong values in `file` cause is raised as a UserError that names the file."""
        try:
            yield
        except (AttributeError, IndexError, KeyError, TypeError, ValueError, ArithmeticError) as error:
            what = f"{type(error).__name__}: {error}"
            raise UserError(f"{file}: holds values that {self.what} has not ({what}); {self.instead}") from error

    def write(self, file: str | Path, facts: Mapping[str, Any]) -> None:
        """Writes the facts with the version, complete or not at all."""
        write_json(file, self.stamped(facts))

    def read(self, file: str | Path) -> dict[str, Any]:
        """The facts that `write` wrote.

        Raises:
            UserError: as `check`, or the file cannot be read as JSON.
        """
        return self.check(read_json(file), file)


CHECKPOINT = Kind("a checkpoint", instead="train it again")
TRAINING = Kind("a training's manifest", instead="choose another --output or delete the folder")
TOKEN_STORE = Kind("a token store", instead="delete the folder, it will be built again")
RERANKED = Kind("a reranked run's manifest", instead="write the run again with lce rerank")
UNFINISHED = Kind("a reranking's unfinished work", instead="delete its folder, or choose another --output")
CALIBRATION = Kind("a checkpoint's calibration", instead="run lce calibrate again")
NEGATIVES = Kind("the record of a list of negatives", instead="write the list again with lce negatives")
STEPS = Kind("the mark of a folder of several steps", instead="choose another --output")
PRODUCT = Kind("a product's record", instead="choose another --output, or delete the product")
