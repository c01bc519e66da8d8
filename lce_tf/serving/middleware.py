"""Checks before a request is read: counting and logging, bearer token, limits on size and number."""

import hmac
import time
from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lce_tf.serving import logs
from lce_tf.serving.dialects import error_answer
from lce_tf.serving.metrics import Metrics
from lce_tf.serving.refused import Refused

# Probes and scrapes need no token.
OPEN = ("/health", "/ready", "/metrics")
# Number of bodies of the largest size that may be in memory at once.
_BODIES = 16


def reply(refused: Refused, scope: Scope) -> JSONResponse:
    """The answer to a refused request; its line is also logged."""
    scope["state"]["refused"] = refused.line
    status, body = error_answer(refused, scope["path"], scope["state"].get("dialect"))
    return JSONResponse(body, status, refused.headers)


class Observed:
    """Counts each request and logs it in one line; an unexpected exception is answered with status 500.

    Args:
        routes: paths that are counted by name; all others are counted together, since clients may send any path.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, routes: Collection[str]):
        self._app, self._metrics, self._routes = app, metrics, routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope["state"] = dict(scope.get("state", {}))
        began, status, further = time.perf_counter(), 0, {}

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception as error:
            further["fault"] = logs.place_of(error)
            if not status:
                failed = Refused(500, "the server failed; its log says where")
                told, body = error_answer(failed, scope["path"], state.get("dialect"))
                await JSONResponse(body, told)(scope, receive, noted)
        finally:
            seconds = time.perf_counter() - began
            if "refused" in state:
                further["error"] = state["refused"]
            path = scope["path"]
            self._metrics.request(path if path in self._routes else "other", status or 500, seconds)
            logs.request(scope["method"], path, status or 500, state.get("pairs", 0), seconds, **further)


class BearerToken:
    """Requires `Authorization: Bearer TOKEN`, except for the paths in `OPEN`."""

    def __init__(self, app: ASGIApp, token: str):
        self._app, self._token = app, token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in OPEN and not self._known(Headers(scope=scope)):
            refused = Refused(401, "send the header Authorization: Bearer TOKEN", {"WWW-Authenticate": "Bearer"})
            await reply(refused, scope)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _known(self, headers: Headers) -> bool:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        # Constant time, so that the duration does not tell how much of a guess is right.
        return scheme.lower() == "bearer" and hmac.compare_digest(token.strip().encode(), self._token)


class OneLength:
    """Refuses a request that gives its body's length in two ways, since a proxy may use the other one."""

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            if "transfer-encoding" in headers and "content-length" in headers:
                line = "both Content-Length and Transfer-Encoding are given; send one"
                await reply(Refused(400, line, {"Connection": "close"}), scope)(scope, receive, send)
                return
        await self._app(scope, receive, send)


class Crowd:
    """Refuses requests while `most` others are in progress, except for the paths in `OPEN`."""

    def __init__(self, app: ASGIApp, most: int):
        self._app, self._most, self._now = app, most, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in OPEN:
            await self._app(scope, receive, send)
            return
        if self._now >= self._most:
            line, headers = "too many requests at once; ask again in 1 s", {"Retry-After": "1", "Connection": "close"}
            await reply(Refused(429, line, headers), scope)(scope, receive, send)
            return
        self._now += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._now -= 1


class BodyLimit:
    """Refuses bodies of more than `most` bytes: at once if Content-Length says so, else as soon as they exceed it.

    The bodies of all requests together may have `_BODIES` times as many; a request that exceeds this gets status 429.
    """

    def __init__(self, app: ASGIApp, most: int):
        self._app, self._most, self._held = app, most, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        line = f"the body has more than {self._most} bytes; send fewer or shorter texts"
        refused = Refused(413, line, {"Connection": "close"})  # the rest of it is not read
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared) > self._most:
            await reply(refused, scope)(scope, receive, send)
            return
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            size = len(message.get("body", b""))
            read += size
            self._held += size
            if read > self._most:
                raise refused
            if self._held > _BODIES * self._most:
                line = "too many large requests at once; ask again in 1 s"
                raise Refused(429, line, {"Retry-After": "1", "Connection": "close"})
            return message

        try:
            await self._app(scope, counted, send)
        finally:
            self._held -= read
