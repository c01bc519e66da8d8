"""The ASGI application: the formats by path, and the way of a request through the queue to its answer."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

import lce_tf
from lce_tf.errors import UserError
from lce_tf.reranker import Scored
from lce_tf.reranking.pairs import Pair
from lce_tf.serving import bodies, dialects, shapes
from lce_tf.serving.batching import Batcher, Busy, Closed
from lce_tf.serving.metrics import Metrics
from lce_tf.serving.middleware import OPEN, BearerToken, BodyLimit, Crowd, Observed, OneLength, reply
from lce_tf.serving.refused import CLIENT_GONE, Refused
from lce_tf.serving.settings import Limits


def create_app(
    score: Callable[[list[Pair]], Scored],
    model: str,
    limits: Limits | None = None,
    token: str | None = None,
    longest: int | None = None,
    precision: str = "float32",
    sha256: str | None = None,
    calibrated: bool = False,
) -> FastAPI:
    """The server's application, with its own queue, which is closed at the end of the application's lifespan.

    Args:
        score: pairs -> their results, such as `Reranker.scored`; always called in the same thread.
        model: the model's name in answers.
        token: what clients must send; None: anyone is served.
        longest: maximum tokens of a pair that the model reads, reported to clients; None: unknown.
        precision: what the model computes in, such as `Reranker.precision`; reported to clients.
        sha256: of the model's weights, reported to clients and in the metrics; None: unknown.
        calibrated: whether the model's checkpoint has a calibration, reported in the metrics.
    """
    limits = limits or Limits()
    metrics = Metrics()
    metrics.model(model, sha256, calibrated)

    def counted(pairs: list[Pair]) -> Scored:
        scored = score(pairs)
        metrics.results(scored)
        return scored

    wait = limits.batch_wait_ms / 1000
    batcher = Batcher(counted, limits.max_batch_pairs, limits.max_queue_pairs, wait, metrics.batch)
    metrics.watch(batcher)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI):
        yield
        await asyncio.to_thread(batcher.close)

    # No documentation pages, since FastAPI's load scripts from other hosts.
    app = FastAPI(
        title="lce_tf",
        version=lce_tf.__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # a redirect would lead to whatever host the client named
    )
    service = Service(batcher, model, limits)
    for path, shape in shapes.ROUTES.items():
        app.add_api_route(path, service.handler(shape), methods=["POST"], openapi_extra=_described(shape))
    asked = dict(zip(OPEN, (_health, service.ready, _exposing(metrics)), strict=True))
    asked["/info"] = _saying(dialects.info(model, limits, longest, precision, sha256))
    asked["/v1/models"] = _saying(dialects.models(model, longest))
    for path, handler in asked.items():
        app.add_api_route(path, handler, methods=["GET", "HEAD"])
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(HTTPException, _unrouted)
    app.add_middleware(BodyLimit, most=limits.body_bytes)
    if token is not None:
        app.add_middleware(BearerToken, token=token)
    app.add_middleware(Crowd, most=limits.max_connections)
    app.add_middleware(OneLength)
    app.add_middleware(Observed, metrics=metrics, routes={*shapes.ROUTES, *asked})  # the outermost
    return app


# Bytes of a body that is read in less than a millisecond.
_SMALL_BODY = 1 << 16


class Service:
    """Answers requests: reads the body, submits its pairs and waits for their results."""

    def __init__(self, batcher: Batcher, model: str, limits: Limits):
        self._batcher, self._model, self._limits = batcher, model, limits
        self._reader = ThreadPoolExecutor(1, "reading")

    def handler(self, shape: type[shapes.Request] | None) -> Callable[[Request], Awaitable[Response]]:
        """A route's function; if `shape` is None, the body decides on the format."""

        async def handle(request: Request) -> Response:
            clock = asyncio.get_running_loop().time
            end = clock() + self._limits.timeout
            body = await self._body(request, end - clock())
            asked, pairs = await self._read(request, body, shape, end - clock())
            request.state.pairs = len(pairs)
            scored = await self._scored(request, pairs, end - clock())
            return JSONResponse(asked.answer(scored, self._model))

        return handle

    async def ready(self) -> Response:
        """Status 200 if requests are served now, otherwise 503."""
        ready = self._batcher.works
        return JSONResponse({"ready": ready, "model": self._model}, 200 if ready else 503)

    async def _body(self, request: Request, seconds: float) -> bytes:
        encoding = request.headers.get("content-encoding", "identity")
        if encoding.lower() != "identity":
            raise Refused(415, "the body is compressed (Content-Encoding); send it as it is")
        try:
            async with asyncio.timeout(seconds):
                return await request.body()
        except TimeoutError:
            line = f"the body took longer than {self._limits.timeout:g} s to arrive"
            raise Refused(408, line, {"Connection": "close"}) from None
        except ClientDisconnect:
            raise Refused(CLIENT_GONE, "the client went away") from None

    async def _read(
        self, request: Request, body: bytes, shape: type[shapes.Request] | None, seconds: float
    ) -> tuple[shapes.Request, list[Pair]]:
        """The request that a body holds, and its pairs; large bodies are read one at a time, off the event loop."""

        def shape_of(value: dict[str, Any]) -> type[shapes.Request]:
            found = shape or shapes.shape_of(value)
            request.state.dialect = found.dialect  # errors about its fields take this service's form
            return found

        def read() -> tuple[shapes.Request, list[Pair]]:
            asked = bodies.read(body, shape_of, self._limits.max_pairs)
            pairs = asked.pairs()
            self._limits.check(pairs)
            return asked, pairs

        if len(body) <= _SMALL_BODY:
            return read()
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.get_running_loop().run_in_executor(self._reader, read)
        except TimeoutError:
            raise Refused(504, f"not read within {self._limits.timeout:g} s; ask again later") from None

    async def _scored(self, request: Request, pairs: list[Pair], seconds: float) -> Scored:
        """The results of the pairs; if the client leaves or the time is up, they leave the queue."""
        try:
            scoring = asyncio.wrap_future(self._batcher.submit(pairs))
        except Busy as busy:
            raise Refused(429, str(busy), {"Retry-After": str(busy.seconds)}) from None
        except Closed:
            raise Refused(503, "the server is stopping; ask another", {"Retry-After": "1"}) from None
        leaving = asyncio.ensure_future(_gone(request))
        try:
            await asyncio.wait({scoring, leaving}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if scoring.done():
                return scoring.result()
            if leaving.done():
                raise Refused(CLIENT_GONE, "the client went away")
            raise Refused(504, f"not scored within {self._limits.timeout:g} s; send fewer pairs, or ask again later")
        except UserError as error:  # the model has no score for one of the pairs
            raise Refused(500, str(error)) from error
        finally:
            scoring.cancel()
            leaving.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _health() -> Response:
    """Status 200 as long as the server runs."""
    return JSONResponse({"status": "ok"})


def _saying(value: dict[str, Any]) -> Callable[[], Awaitable[Response]]:
    async def said() -> Response:
        return JSONResponse(value)

    return said


def _exposing(metrics: Metrics) -> Callable[[], Awaitable[Response]]:
    async def exposed() -> Response:
        content, kind = metrics.exposed()
        return Response(content, media_type=kind)

    return exposed


async def _refused(request: Request, refused: Refused) -> Response:
    return reply(refused, request.scope)


async def _unrouted(request: Request, error: HTTPException) -> Response:
    asked = ", ".join((*OPEN, "/info", "/v1/models"))
    line = f"{error.detail}; there are POST {', '.join(shapes.ROUTES)} and GET {asked}"
    return reply(Refused(error.status_code, line, error.headers), request.scope)


def _described(shape: type[shapes.Request] | None) -> dict[str, Any]:
    """The description of a route's body in `/openapi.json`."""
    kinds = [shape] if shape else [shapes.CohereRequest, shapes.TeiRequest]
    schemas = [kind.model_json_schema() for kind in kinds]
    schema = schemas[0] if shape else {"anyOf": schemas}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
