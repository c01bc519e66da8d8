"""What happens to a model in a process that was forked after loading it: threads are not copied by a fork."""

import os

from lce_tf.errors import UserError

_tensorflow_began: int | None = None


def tensorflow_begins() -> None:
    """Notes that this process runs TensorFlow, which is about to be started.

    Raises:
        UserError: a parent process ran it before it forked. TensorFlow's threads are missing here, so that any call
            would wait for ever.
    """
    global _tensorflow_began
    if _tensorflow_began is None:
        _tensorflow_began = os.getpid()
    same_process(_tensorflow_began)


def same_process(loaded: int) -> None:
    """Refuses to use TensorFlow in another process than the one with the id `loaded`.

    Raises:
        UserError: this process was forked from that one.
    """
    if os.getpid() != loaded:
        raise UserError(
            f"TensorFlow was started in process {loaded} and does not work in process {os.getpid()}, which was forked "
            "from it; load the model in each process after the fork, start processes by 'spawn' or 'forkserver', or "
            "use the engine openvino"
        )
