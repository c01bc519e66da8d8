"""Coordination of the processes that train together: who acts, and what all must agree on."""

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from typing import TypeVar

from lce_tf.errors import LostWorker, UserError

Result = TypeVar("Result")


class Workers:
    """The workers of a strategy; with a single process, every method acts at once.

    All methods are synchronisation points: every worker must call them, in the same order.

    Attributes:
        strategy: the tf.distribute strategy.
        count: number of workers.
        number: index of this worker, from 0.
        chief: whether this worker is the one that writes.
    """

    def __init__(self, strategy):
        import tensorflow as tf

        self.strategy, self.count, self.number = strategy, 1, 0
        if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
            resolver = strategy.cluster_resolver
            self.count, self.number = resolver.cluster_spec().num_tasks("worker"), resolver.task_id
        self.chief = self.number == 0

    def total(self, value: int) -> int:
        """The sum of all workers' values."""
        if self.count == 1:
            return int(value)
        import tensorflow as tf

        return int(self.strategy.reduce("SUM", tf.identity(tf.constant(int(value), tf.int64)), axis=None))

    def from_chief(self, value: int) -> int:
        """The chief's value; the values of the others are ignored."""
        return self.total(value if self.chief else 0)

    def everywhere(self, act: Callable[[], Result]) -> Result:
        """Returns the result of `act` on this worker, after all workers have finished theirs.

        Raises:
            UserError: `act` raised it on any worker, or could not read or write a file.
        """
        result, fault = None, None
        try:
            result = act()
        except (UserError, OSError) as error:
            fault = error
        faults = self.total(fault is not None)
        if fault is not None:
            raise fault
        if faults:
            raise UserError(f"{faults} of {self.count} workers cannot go on; their own output says why")
        return result

    def by_chief(self, act: Callable[[], None]) -> None:
        """Runs `act` on the chief only, while the others wait; raises as `everywhere`."""
        self.everywhere(act if self.chief else _nothing)

    def chief_first(self, act: Callable[[], Result]) -> Result:
        """Returns the result of `act` on this worker. The chief runs it first, so that the others find its results
        in the cache."""
        found = self.everywhere(act if self.chief else _nothing)
        later = self.everywhere(_nothing if self.chief else act)
        return found if self.chief else later

    def same(self, what: str, text: str) -> None:
        """Checks that all workers have the same `text`.

        Raises:
            UserError: on every worker, if one differs.
        """
        digest = int(hashlib.sha256(text.encode()).hexdigest()[:12], 16)
        if others := self.total(digest != self.from_chief(digest)):
            raise UserError(f"{others} of {self.count} workers have other {what}; start all with the same command")

    @contextlib.contextmanager
    def needed(self) -> Iterator[None]:
        """A block in which the end of another worker raises an error here.

        Raises:
            LostWorker: on each remaining worker.
        """
        import tensorflow as tf

        kinds = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError)
        try:
            yield
        except (*kinds, tf.errors.DeadlineExceededError, tf.errors.FailedPreconditionError) as error:
            if self.count == 1:
                raise
            raise LostWorker(
                f"worker {self.number} of {self.count}: another one is gone ({type(error).__name__}); the same "
                "command, started for all of them, resumes from the newest checkpoint"
            ) from error


def _nothing() -> None:
    """The action of workers that only wait."""
