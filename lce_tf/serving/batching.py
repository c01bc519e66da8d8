"""The queue between requests and model: pairs that wait together are scored together."""

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
        seconds: estimated time until it has, a whole number.
    """

    def __init__(self, seconds: int):
        super().__init__(f"the queue is full; ask again in {seconds} s")
        self.seconds = seconds


class Closed(Exception):
    """The queue is closed."""


class _Waiting(NamedTuple):
    pairs: Sequence[Pair]
    arrived: float


class Batcher:
    """Scores the pairs of many callers in a separate thread, in order; pairs that wait together are scored in one call.

    Args:
        score: a list of pairs -> their results in the same order: anything with a length that can be sliced.
        batch_pairs: maximum pairs per call, unless a single caller has more.
        queue_pairs: maximum pairs that may wait.
        wait: maximum seconds that an idle model waits for more pairs to join the first.
        scored: called with (callers, pairs, seconds) after every successful call.
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
        self._waiting: dict[Future, _Waiting] = {}  # in order of arrival
        self._pairs = 0
        self._pace = 0.0  # seconds per pair, of the last call
        self._closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="scoring", daemon=True)
        self._thread.start()

    @property
    def callers(self) -> int:
        """Number of waiting callers, without those being scored."""
        return len(self._waiting)

    @property
    def pairs(self) -> int:
        """Number of waiting pairs, without those being scored."""
        return self._pairs

    @property
    def works(self) -> bool:
        """Whether pairs submitted now will be scored."""
        return not self._closing and self._thread.is_alive()

    def submit(self, pairs: Sequence[Pair]) -> Future:
        """A future of the results for these pairs (at least one); pairs cancelled in time are not scored.

        An exception of `score` is set on the future. If several callers' pairs were scored together, each caller's are
        first tried again separately, so that one caller's pairs cannot fail another's.

        Raises:
            Busy, Closed: the queue is full; `close` was called.
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
        """Accepts no more pairs, and returns after all waiting ones have been scored."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()

    def _leave(self, future: Future) -> None:
        """Frees the room of a caller that no longer waits; callers that were taken have freed it already."""
        with self._changed:
            waiting = self._waiting.pop(future, None)
            if waiting is not None:
                self._pairs -= len(waiting.pairs)

    def _work(self) -> None:
        while batch := self._next():
            self._run(batch)

    def _next(self) -> list[tuple[Future, Sequence[Pair]]]:
        """The next callers, once they fill a batch or the first has waited long enough; [] when closed and empty."""
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
