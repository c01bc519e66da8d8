"""The newest checkpoints of a training, written by the chief and read by all workers."""

import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lce_tf.errors import UserError
from lce_tf.foundation.training_folder import TrainingFolder
from lce_tf.training.workers import Workers

KEPT = 2
# Seconds until one machine sees a file that another wrote: network file systems cache that a file was missing.
APPEARS = 60.0


class Checkpoints:
    """Checkpoints `ckpt-STEP` in the folder `checkpoints/` of a training.

    Args:
        folder: the training's folder.
        parts: the objects to save, by name.
        workers: the chief of these saves. The parts are equal on all workers.
    """

    def __init__(self, folder: Path, parts: Mapping[str, Any], workers: Workers):
        import tensorflow as tf

        self._training, self._folder, self._workers = folder, TrainingFolder(folder).state, workers
        self._state = tf.train.Checkpoint(**parts)
        self._manager = None
        if workers.chief:
            self._manager = tf.train.CheckpointManager(self._state, str(self._folder), max_to_keep=KEPT)

    def save(self, step: int) -> None:
        """Saves on the chief; the other workers wait until it is done."""
        self._workers.by_chief(lambda: self._manager.save(checkpoint_number=step))

    def discard(self) -> None:
        """Deletes the checkpoints, for a training whose result is written: each is three times as large as that."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def restore(self) -> None:
        """Restores the newest complete checkpoint on all workers, if there is one, and prints its step.

        A checkpoint is read to its end, with its checksums, before any of it is restored, so that no model is half
        restored.

        Raises:
            UserError: a worker cannot read the chief's checkpoint.
        """
        step = self._workers.from_chief(self._newest_whole() if self._workers.chief else -1)
        if step < 0:
            return
        prefix = self._folder / f"ckpt-{step}"
        self._workers.everywhere(lambda: None if self._workers.chief else self._await(prefix))
        self._state.restore(str(prefix)).assert_existing_objects_matched()
        if self._workers.chief:
            print(f"{self._training}: resumes from step {step} (ckpt-{step})", flush=True)

    def _newest_whole(self) -> int:
        """The step of the newest checkpoint that can be read to its end, -1 if there is none."""
        numbers = map(_number, self._folder.glob("ckpt-*.index"))
        saved = sorted((number for number in numbers if number >= 0), reverse=True)
        for step in saved:
            if (fault := _fault(self._folder / f"ckpt-{step}")) is None:
                return step
            print(f"{self._folder}/ckpt-{step}: the checkpoint is torn ({fault}); trying the one before", flush=True)
        if saved:
            print(f"{self._training}: none of its checkpoints is whole; training starts afresh", flush=True)
        return -1

    def _await(self, prefix: Path) -> None:
        """Waits until this worker can read the checkpoint that the chief restores."""
        end = time.monotonic() + APPEARS
        while fault := _fault(prefix):
            if time.monotonic() > end:
                raise UserError(
                    f"{prefix}: worker {self._workers.number} cannot read the checkpoint of worker 0 ({fault}); "
                    "--output must lie on a file system that all workers share"
                )
            time.sleep(1)


def _number(index: Path) -> int:
    """The step in the file name `ckpt-STEP.index`, -1 for any other name."""
    digits = index.stem.partition("-")[2]
    return int(digits) if digits.isdigit() else -1


def _fault(prefix: Path) -> str | None:
    """Why a checkpoint cannot be read to its end; None if it is complete."""
    import tensorflow as tf

    try:
        reader = tf.train.load_checkpoint(str(prefix))
        for name in reader.get_variable_to_shape_map():
            reader.get_tensor(name)
    except (tf.errors.OpError, ValueError, IndexError, RuntimeError) as error:
        return (str(error).splitlines() or [type(error).__name__])[0]
    return None
