"""The processes that train together, seen from one of them: who does what, and what they agree on."""

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from typing import TypeVar

from lce_tf.errors import LostWorker, UserError

Result = TypeVar("Result")


class Workers:
    """The workers of a strategy; where it has but this one process, everything here is done at once and alone.

    All but the attributes are meeting points: every worker must come by, in the same order.

    Attributes:
        strategy: what they train under.
        count: how many they are.
        number: of this one, from 0.
        chief: whether this is the one that writes.
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
        """The chief's value; the others' is of no account."""
        return self.total(value if self.chief else 0)

    def everywhere(self, act: Callable[[], Result]) -> Result:
        """What `act` returns here, once all workers are through with theirs.

        Raises:
            UserError: `act` did so on any of them, or met a file that could not be read or written.
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
        """Has the chief alone `act`, while the others wait; raises as `everywhere`."""
        self.everywhere(act if self.chief else _nothing)

    def chief_first(self, act: Callable[[], Result]) -> Result:
        """What `act` returns here. The chief does it before the others, who find in the cache what it leaves there."""
        found = self.everywhere(act if self.chief else _nothing)
        later = self.everywhere(_nothing if self.chief else act)
        return found if self.chief else later

    def same(self, what: str, text: str) -> None:
        """Makes sure that all workers have the same `text`.

        Raises:
            UserError: on every worker, where one has another.
        """
        digest = int(hashlib.sha256(text.encode()).hexdigest()[:12], 16)
        if others := self.total(digest != self.from_chief(digest)):
            raise UserError(f"{others} of {self.count} workers have other {what}; start all with the same command")

    @contextlib.contextmanager
    def needed(self) -> Iterator[None]:
        """A block in which a worker that goes away ends this one.

        Raises:
            LostWorker: on each worker that is left.
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
                "command, started for all of them, goes on from the newest checkpoint"
            ) from error


def _nothing() -> None:
    """What those do that only wait."""
