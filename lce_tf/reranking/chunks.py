"""Stores a job's logits on disk in chunks, so that an interrupted job can resume."""

import hashlib
import json
from pathlib import Path

import numpy as np

from lce_tf.errors import UserError
from lce_tf.foundation.disk import UNFINISHED
from lce_tf.foundation.files import make_folder, read_array, written


class Chunks:
    """A job's pairs cut into chunks, and a folder with one file of logits for each finished chunk.

    Args:
        folder: created if missing.
        manifest: everything that the logits depend on, as JSON values; its `chunk` is the number of pairs per chunk.
        pairs: the job's number of pairs.

    Raises:
        UserError: the folder holds chunks of a job with another manifest.
    """

    def __init__(self, folder: Path, manifest: dict, pairs: int):
        self.folder, self.pairs, self._size = make_folder(folder), pairs, manifest["chunk"]
        plan = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
        file = folder / "plan.json"
        if not file.is_file():
            UNFINISHED.write(file, {"plan": plan, **manifest})
        elif UNFINISHED.read(file).get("plan") != plan:
            raise UserError(
                f"{folder}: holds the unfinished work of another model, run, depth or precision; "
                "delete it, or choose another --output"
            )

    def __len__(self) -> int:
        """The number of chunks."""
        return -(-self.pairs // self._size)

    def rows(self, number: int) -> slice:
        """The range of the job's pairs that belong to a chunk."""
        return slice(number * self._size, min((number + 1) * self._size, self.pairs))

    def missing(self) -> list[int]:
        """The numbers of the chunks that are not scored yet."""
        return [number for number in range(len(self)) if not self._file(number).is_file()]

    @property
    def done(self) -> int:
        """Number of pairs whose logits are in the folder."""
        left = (self.rows(number) for number in self.missing())
        return self.pairs - sum(rows.stop - rows.start for rows in left)

    def write(self, number: int, logits: np.ndarray) -> None:
        """Writes a chunk's logits, [pairs of the chunk, outputs] float32."""
        with written(self._file(number), "wb") as handle:
            np.save(handle, logits)

    def logits(self) -> np.ndarray:
        """The logits of all pairs, [pairs, outputs] float32; every chunk must be finished.

        Raises:
            UserError: a chunk's file is damaged, or has another number of pairs.
        """
        parts = [self._read(number) for number in range(len(self))]
        return np.concatenate(parts) if parts else np.zeros((0, 1), np.float32)

    def _file(self, number: int) -> Path:
        return self.folder / f"{number:06}.npy"

    def _read(self, number: int) -> np.ndarray:
        file, rows = self._file(number), self.rows(number)
        try:
            logits = read_array(file)
        except UserError as error:
            raise UserError(f"{file}: is torn; delete it, its pairs will be scored again") from error
        if logits.ndim != 2 or len(logits) != rows.stop - rows.start:
            raise UserError(f"{file}: holds the scores of other pairs; delete it, its pairs will be scored again")
        return logits
