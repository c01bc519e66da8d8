"""The queue between the requests and the model: pairs that wait together are scored together."""

import math
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple

from lce_tf.reranking.pairs import Pair


class Busy(Exception):
    """The queue has no room for these pairs.

    Attributes:
        seconds: after which it may have, a whole number.
    """

    def __init__(self, seconds: int):
        super().__init__(f"the queue is full; ask again in {seconds} s")
        self.seconds = seconds


class Closed(Exception):
    """The queue takes no more."""


class _Waiting(NamedTuple):
    pairs: Sequence[Pair]
    arrived: float


class Batcher:
    """Scores the pairs of many callers in a thread of its own, those that wait together in one call, in turn.

    Args:
        score: a list of pairs -> what is known of each, in their order: anything with a length that can be sliced.
        batch_pairs: a call gets no more, unless one caller alone has more.
        queue_pairs: how many pairs may wait.
        wait: seconds that the model, when it has nothing to do, waits at most for more pairs to join the first.
        scored: told (callers, pairs, seconds) of every call that went well.
    """

    def __init__(
        self,
        score: Callable[[list[Pair]], Any],
        batch_pairs: int,
        queue_pairs: int,
        wait: float,
        scored: Callable[[int, int, float], None] = lambda callers, pairs, seconds: None,
    ):
        self._score, self._scored = score, scored
        self._batch_pairs, self._queue_pairs, self._wait = batch_pairs, queue_pairs, wait
        self._waiting: dict[Future, _Waiting] = {}  # in the order in which they came
        self._pairs = 0
        self._pace = 0.0  # seconds a pair, of the last call
        self._closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="scoring", daemon=True)
        self._thread.start()

    @property
    def callers(self) -> int:
        """How many wait, those being scored not counted."""
        return len(self._waiting)

    @property
    def pairs(self) -> int:
        """How many pairs wait, those being scored not counted."""
        return self._pairs

    @property
    def works(self) -> bool:
        """Whether pairs that come now will be scored."""
        return not self._closing and self._thread.is_alive()

    def submit(self, pairs: Sequence[Pair]) -> Future:
        """A future of what `score` gives for the pairs, one at least; if it is cancelled in time, they are not scored.

        An exception of `score` is the future's. Where several callers' pairs were scored together, each one's are
        tried once more alone, so that none fails for another's sake.

        Raises:
            Busy, Closed: there is no room; `close` was called.
        """
        if not pairs:
            raise ValueError("no pairs")
        future: Future = Future()
        with self._changed:
            if self._closing:
                raise Closed
            if self._pairs + len(pairs) > self._queue_pairs:
                raise Busy(max(1, math.ceil(self._pairs * self._pace)))
            self._waiting[future] = _Waiting(pairs, time.monotonic())
            self._pairs += len(pairs)
            self._changed.notify_all()
        future.add_done_callback(self._leave)
        return future

    def close(self) -> None:
        """Takes no more pairs, and returns once those that wait have been scored."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()

    def _leave(self, future: Future) -> None:
        """Makes room at once where a caller no longer waits; those that were taken have made it already."""
        with self._changed:
            waiting = self._waiting.pop(future, None)
            if waiting is not None:
                self._pairs -= len(waiting.pairs)

    def _work(self) -> None:
        while batch := self._next():
            self._run(batch)

    def _next(self) -> list[tuple[Future, Sequence[Pair]]]:
        """Those who are next, once they are many or the first has waited long enough; nobody when all is done."""
        with self._changed:
            while True:
                self._changed.wait_for(lambda: self._waiting or self._closing)
                if not self._waiting:
                    return []
                first = next(iter(self._waiting.values()))
                left = first.arrived + self._wait - time.monotonic()
                self._changed.wait_for(lambda: self._pairs >= self._batch_pairs or self._closing, max(left, 0))
                if batch := self._take():
                    return batch

    def _take(self) -> list[tuple[Future, Sequence[Pair]]]:
        batch, pairs = [], 0
        for future, waiting in list(self._waiting.items()):
            if batch and pairs + len(waiting.pairs) > self._batch_pairs:
                break
            del self._waiting[future]
            self._pairs -= len(waiting.pairs)
            if future.set_running_or_notify_cancel():
                batch.append((future, waiting.pairs))
                pairs += len(waiting.pairs)
        return batch

    def _run(self, batch: list[tuple[Future, Sequence[Pair]]]) -> None:
        pairs = [pair for _, own in batch for pair in own]
        began = time.monotonic()
        try:
            found = self._score(pairs)
            if len(found) != len(pairs):
                raise ValueError(f"{len(found)} results for {len(pairs)} pairs")
        except Exception as error:
            if len(batch) == 1:
                batch[0][0].set_exception(error)
                return
            for caller in batch:
                self._run([caller])
            return
        seconds = time.monotonic() - began
        self._pace = seconds / len(pairs)
        self._scored(len(batch), len(pairs), seconds)
        start = 0
        for future, own in batch:
            future.set_result(found[start : start + len(own)])
            start += len(own)
