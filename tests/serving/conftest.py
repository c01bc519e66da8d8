"""Scoring functions without a model, an application around them, and a real server in a thread."""

import contextlib
import threading
import time

import numpy as np
import pytest
from starlette.testclient import TestClient

from lce_tf.reranker import Scored
from lce_tf.serving.app import create_app
from lce_tf.serving.settings import Limits


def by_length(pairs) -> Scored:
    """A pair's score is a tenth of its passage's characters; what is beyond 50 is cut."""
    lengths = np.array([len(passage) for _, passage in pairs])
    return Scored((lengths / 10).astype(np.float32), np.minimum(lengths, 50), lengths > 50)


class Held:
    """Scores by length once it is let go; remembers the pairs of every call.

    Attributes:
        calls: their pairs.
        begun: set while a call waits to be let go.
        free: what calls wait for.
    """

    def __init__(self):
        self.calls, self.begun, self.free = [], threading.Event(), threading.Event()

    def __call__(self, pairs) -> Scored:
        self.calls.append(list(pairs))
        self.begun.set()
        assert self.free.wait(60)
        self.begun.clear()
        return by_length(pairs)


def until(true, seconds: float = 30) -> None:
    """Returns once `true()` holds."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.fixture
def held():
    held = Held()
    yield held
    held.free.set()


@pytest.fixture
def wait():
    return until


@pytest.fixture
def client():
    """A function of limits, token and scoring function that gives a client of such a server."""
    with contextlib.ExitStack() as stack:

        def make(
            score=by_length, token=None, longest=None, faults=True, precision="float32", about=None, **limits
        ) -> TestClient:
            app = create_app(score, "toy", Limits(**limits), token, longest, precision, **(about or {}))
            return stack.enter_context(TestClient(app, raise_server_exceptions=faults))

        yield make


@pytest.fixture
def server():
    """A function of an application that serves it on a port of this machine and gives the address."""
    from lce_tf.serving.running import bound, server_of, url_of

    with contextlib.ExitStack() as stack:

        def serve(score=by_length, token=None, **limits) -> str:
            app, listener = create_app(score, "toy", Limits(**limits), token), bound("127.0.0.1", 0)
            one = server_of(app, Limits(**limits))
            thread = threading.Thread(target=one.run, args=([listener],))
            thread.start()
            stack.callback(thread.join)
            stack.callback(setattr, one, "should_exit", True)
            until(lambda: one.started)
            return url_of(listener)

        yield serve
