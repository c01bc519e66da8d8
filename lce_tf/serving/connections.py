"""Limits on the number and duration of connections; uvicorn's own protocol has neither."""

import json
import os
import resource
from dataclasses import dataclass, field

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from lce_tf.errors import UserError
from lce_tf.serving import logs

# Connections above the limit, so that probes are answered while requests use all of it.
RESERVE = 32
# Connections accepted per turn of the event loop. Connections closed to make room keep their file descriptors for a few
# turns.
BACKLOG, _GOES = 16, 5
# File descriptors for the log, model files and those opened by libraries.
_OTHER_FILES = 32
# Maximum bytes of a request's head, and of the head of a chunk.
MOST_HEAD_BYTES = 65536
# Chunks allowed in any body, and bytes of the body that allow one more chunk.
SPARE_CHUNKS, CHUNK_BYTES = 200, 256


@dataclass
class ConnectionLimits:
    """The limits, and the connections that wait for a request's head.

    Attributes:
        most: maximum number of open connections.
        head_seconds: maximum time from when the server begins to wait for a request to the end of its head.
        request_seconds: maximum time from the end of a request's head to the end of its answer.
        waiting: in the order in which they began to wait.
        halves: those of them that have sent part of a head.
    """

    most: int
    head_seconds: float
    request_seconds: float
    waiting: dict["BoundedProtocol", None] = field(default_factory=dict)
    halves: dict["BoundedProtocol", None] = field(default_factory=dict)


class FewChunks(h11.Connection):
    """Refuses bodies in very many small chunks, because each chunk costs time on the event loop.

    A body may have `SPARE_CHUNKS` chunks, plus one for each `CHUNK_BYTES` of its bytes.
    """

    _chunks = _bytes = 0

    def next_event(self):
        event = super().next_event()
        if isinstance(event, h11.Request):
            self._chunks = self._bytes = 0
        elif isinstance(event, h11.Data):
            self._chunks, self._bytes = self._chunks + event.chunk_start, self._bytes + len(event.data)
            if self._chunks > SPARE_CHUNKS + self._bytes // CHUNK_BYTES:
                raise h11.RemoteProtocolError("a body in chunks that are too small")
        return event


class BoundedProtocol(H11Protocol):
    """Closes a connection whose request does not arrive or whose answer is not read.

    A new connection above the limit closes the one that has waited longest for a request's head; those that have sent
    part of one come first. So clients that open connections and send nothing, or half a head, do not keep others out,
    and a probe, whose head arrives at once, is not closed because of them.
    """

    def __init__(self, *args, limits: ConnectionLimits, **kwargs):
        super().__init__(*args, **kwargs)
        self._limits, self._timer, self._read_by = limits, None, 0.0
        self.conn = FewChunks(h11.SERVER, MOST_HEAD_BYTES)

    def connection_made(self, transport) -> None:
        super().connection_made(transport)
        self._watch()
        if len(self.connections) > self._limits.most:
            oldest = next(iter(self._limits.halves or self._limits.waiting), self)
            logs.event("connection closed to make room", logs.WARNING)
            oldest.transport.abort()
            oldest.forget()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()
        if self in self._limits.waiting and self.conn.trailing_data[0]:
            self._limits.halves[self] = None

    def send_400_response(self, msg: str) -> None:
        if self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete:
            self.transport.abort()  # an answer has already begun
        else:
            self._refuse("400 Bad Request", "the request is not HTTP that this server can read")

    def on_response_complete(self) -> None:
        if self._timer is not None:  # the next request may have arrived already
            self._timer.cancel()
            self._timer = None
        # The answer is complete, but may still lie in the transport's buffer.
        self._read_by = self.loop.time() + self._limits.request_seconds
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self.forget()
        super().connection_lost(exc)

    def forget(self) -> None:
        """Counts the connection as closed; its transport reports this only later."""
        self._limits.waiting.pop(self, None)
        self._limits.halves.pop(self, None)
        self.connections.discard(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _watch(self) -> None:
        """Starts the right timer, for the head or for the request."""
        if self.transport.is_closing():
            self._leave()
            return
        asked = self.cycle is not None and not self.cycle.response_complete
        if asked == (self not in self._limits.waiting) and self._timer is not None:
            return
        if self._timer is not None:
            self._timer.cancel()
        if asked:
            self._limits.waiting.pop(self, None)
            self._limits.halves.pop(self, None)
            self._timer = self.loop.call_later(self._limits.request_seconds, self._unfinished)
        else:
            self._limits.waiting[self] = None
            self._timer = self.loop.call_later(self._limits.head_seconds, self._late)

    def _leave(self) -> None:
        """Of a connection that is closing: it counts, for a limited time, until its answer is read."""
        if not self.transport.get_write_buffer_size():
            self.forget()
            return
        self._limits.waiting.pop(self, None)
        self._limits.halves.pop(self, None)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_later(self._limits.request_seconds, self._unfinished)

    def _late(self) -> None:
        begun, _ = self.conn.trailing_data
        unread, left = self.transport.get_write_buffer_size(), self._read_by - self.loop.time()
        if unread and left > 0:  # the last answer is still being read
            self._timer = self.loop.call_later(min(self._limits.head_seconds, left), self._late)
            return
        if begun and not unread:
            self._refuse("408 Request Timeout", "the request's head took too long to arrive")
        else:
            self.transport.abort()
        if begun or unread or self.cycle is None:  # not of a connection that has been idle since its last answer
            logs.event("head too late", logs.WARNING)

    def _refuse(self, status: str, error: str) -> None:
        """Answers in JSON without h11, and closes the connection."""
        body = json.dumps({"error": error}).encode()
        head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
        self.transport.write(head.encode() + b"connection: close\r\n\r\n" + body)
        self.transport.close()
        self._leave()

    def _unfinished(self) -> None:
        logs.event("answer not taken", logs.WARNING)
        self.transport.abort()


def fitting(most: int) -> int:
    """`most`, or as many connections as this process has file descriptors for, after raising their limit if possible.

    Raises:
        UserError: there are not enough for one.
    """
    spare = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    spare += _OTHER_FILES + RESERVE + _GOES * BACKLOG
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = most + spare
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    found = most if soft == resource.RLIM_INFINITY else min(most, soft - spare)
    if found < 1:
        raise UserError(f"this process may open {soft} files, and needs {spare + 1}: raise it with ulimit -n")
    if found < most:
        logs.event("fewer connections than asked for, as files are limited (ulimit -n)", logs.WARNING, most=found)
    return found
