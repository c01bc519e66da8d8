"""Opens a socket and runs the server on it until a signal comes."""

import functools
import math
import signal
import socket

import uvicorn
from fastapi import FastAPI

from lce_tf.errors import UserError
from lce_tf.serving import logs
from lce_tf.serving.connections import BACKLOG, RESERVE, BoundedProtocol, ConnectionLimits
from lce_tf.serving.settings import Limits

# Seconds beyond the request's own time limit, for writing answers.
_GRACE = 5


def bound(host: str, port: int) -> socket.socket:
    """A socket bound to this address, not listening yet; port 0: any free port.

    Raises:
        UserError: the address does not exist or is in use.
    """
    if not 0 <= port < 1 << 16:  # the system would use only the last 16 bits of a larger number
        raise UserError(f"--port {port}: give a number up to 65535, or 0 for any that is free")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        found = socket.socket(family, kind, protocol)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
    except (OSError, UnicodeError) as error:  # a name that cannot be encoded is a UnicodeError
        why = getattr(error, "strerror", None) or error
        raise UserError(f"--host {host} --port {port}: {why}; give another") from error
    return found


def url_of(listener: socket.socket) -> str:
    """The URL that clients use."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def server_of(app: FastAPI, limits: Limits) -> uvicorn.Server:
    """uvicorn with the limits on connections and time; not running yet."""
    patience = math.ceil(limits.timeout) + _GRACE
    bounds = ConnectionLimits(limits.max_connections + RESERVE, limits.header_timeout, patience)
    config = uvicorn.Config(
        app,
        http=functools.partial(BoundedProtocol, limits=bounds),
        loop="asyncio",
        backlog=BACKLOG,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        lifespan="on",
        timeout_keep_alive=math.ceil(limits.header_timeout) + patience,  # `BoundedProtocol` is earlier
        timeout_graceful_shutdown=patience,
    )
    return uvicorn.Server(config)


def run(app: FastAPI, listener: socket.socket, limits: Limits) -> None:
    """Serves until SIGTERM or SIGINT, then accepts no more requests and returns after all earlier ones are answered.

    Args:
        listener: from `bound`.
        limits: on connections and time.

    Raises:
        UserError: another process listens on the address by now.
    """
    server = server_of(app, limits)

    def stop(number, frame) -> None:
        server.should_exit = True

    try:
        listener.listen(BACKLOG)
    except OSError as error:
        raise UserError(f"{url_of(listener)}: {error.strerror}; give another --port") from error
    # uvicorn installs its own handlers while it runs, and passes the signal that ended it to these.
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        logs.event("listening", url=url_of(listener))
        server.run(sockets=[listener])
        logs.event("stopped")
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
