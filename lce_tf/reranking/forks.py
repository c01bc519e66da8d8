"""Refuses to use TensorFlow in a process that was forked after TensorFlow started, since a fork does not copy
threads."""

import os

from lce_tf.errors import UserError

_tensorflow_began: int | None = None


def tensorflow_begins() -> None:
    """Records that this process is about to start TensorFlow.

    Raises:
        UserError: a parent process started it before the fork. TensorFlow's threads are missing in this process, so any
            call would hang.
    """
    global _tensorflow_began
    if _tensorflow_began is None:
        _tensorflow_began = os.getpid()
    same_process(_tensorflow_began)


def same_process(loaded: int) -> None:
    """Raises unless this process, whose id must be `loaded`, is the one that started TensorFlow.

    Raises:
        UserError: this process was forked from the one with the id `loaded`.
    """
    if os.getpid() != loaded:
        raise UserError(
            f"TensorFlow was started in process {loaded} and does not work in process {os.getpid()}, which was forked "
            "from it; load the model in each process after the fork, start processes by 'spawn' or 'forkserver', or "
            "use the engine openvino"
        )
