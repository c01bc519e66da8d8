"""The newest checkpoints of a training: written by the chief, read by all workers."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lce_tf.errors import UserError
from lce_tf.training.workers import Workers
from lce_tf.training_folder import TrainingFolder

KEPT = 2
# Seconds after which one machine sees what another wrote: network file systems remember what was not there.
APPEARS = 60.0


class Checkpoints:
    """Checkpoints `ckpt-STEP` under a folder.

    Args:
        folder: of the training; they lie in its `checkpoints/`.
        parts: what they hold, by name.
        workers: of whom the chief saves. The parts are the same on all of them.
    """

    def __init__(self, folder: Path, parts: Mapping[str, Any], workers: Workers):
        import tensorflow as tf

        self._training, self._folder, self._workers = folder, TrainingFolder(folder).state, workers
        self._state = tf.train.Checkpoint(**parts)
        self._manager = None
        if workers.chief:
            self._manager = tf.train.CheckpointManager(self._state, str(self._folder), max_to_keep=KEPT)

    def save(self, step: int) -> None:
        """Has the chief save; the others go on once it has."""
        self._workers.by_chief(lambda: self._manager.save(checkpoint_number=step))

    def restore(self) -> None:
        """Takes up the newest whole checkpoint, if any, on all workers, and says so.

        A checkpoint is read through, checksums and all, before any of it is restored: half a checkpoint over a
        fresh model would be neither.

        Raises:
            UserError: a worker cannot read what the chief goes on from.
        """
        step = self._workers.from_chief(self._newest_whole() if self._workers.chief else -1)
        if step < 0:
            return
        prefix = self._folder / f"ckpt-{step}"
        self._workers.everywhere(lambda: None if self._workers.chief else self._await(prefix))
        self._state.restore(str(prefix)).assert_existing_objects_matched()
        if self._workers.chief:
            print(f"{self._training}: goes on from step {step} (ckpt-{step})", flush=True)

    def _newest_whole(self) -> int:
        """The step of the newest checkpoint that can be read to its end, -1 if none can."""
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
        """Waits until this worker sees, whole, what the chief goes on from."""
        end = time.monotonic() + APPEARS
        while fault := _fault(prefix):
            if time.monotonic() > end:
                raise UserError(
                    f"{prefix}: worker {self._workers.number} cannot read what worker 0 goes on from ({fault}); "
                    "--output must lie on a file system that all workers share"
                )
            time.sleep(1)


def _number(index: Path) -> int:
    """The step of `ckpt-STEP.index`, -1 for a name that is not ours."""
    digits = index.stem.partition("-")[2]
    return int(digits) if digits.isdigit() else -1


def _fault(prefix: Path) -> str | None:
    """Why a checkpoint cannot be read to its end; None for a whole one."""
    import tensorflow as tf

    try:
        reader = tf.train.load_checkpoint(str(prefix))
        for name in reader.get_variable_to_shape_map():
            reader.get_tensor(name)
    except (tf.errors.OpError, ValueError, IndexError, RuntimeError) as error:
        return (str(error).splitlines() or [type(error).__name__])[0]
    return None
