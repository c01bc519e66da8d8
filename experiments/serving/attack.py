"""`python -m experiments.serving.attack`: sends costly requests to a server on this machine and checks its health."""

import argparse
import asyncio
import contextlib
import sys
import time
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import httpx

from lce_tf.errors import UserError
from lce_tf.foundation.arguments import HelpFormatter, command_main

# Seconds within which /health must answer, and between two requests for it.
PATIENCE, PAUSE = 0.5, 0.05
MB = 1_000_000


def bodies(size: int) -> dict[str, bytes]:
    """Name -> a body of about `size` bytes that is costly to read."""
    head, room = b'{"query":"q","documents":[', size - 64
    units = {
        "numbers": b"1,", "empty objects": b"{},", "empty lists": b"[],", "objects": b'{"a":1},',
        "nested lists": b"[[[[]]]],", "short texts": b'"ab",',
    }  # fmt: skip
    found = {name: head + unit * (room // len(unit)) + b"1]}" for name, unit in units.items()}
    found["one long text"] = head + b'"' + b"a" * room + b'"]}'
    found["a text of commas"] = head + b'"' + b",[" * (room // 2) + b'"]}'
    found["a text of escapes"] = head + b'"' + rb"\u00e9" * (room // 6) + b'"]}'
    found["many fields"] = b'{"query":"q",' + b",".join(b'"%08x":1' % i for i in range(room // 13)) + b"}"
    found["deep"] = b"[" * room
    return found


class Health:
    """Requests /health again and again, each time over a new connection, and keeps the slowest answer.

    Attributes:
        slowest: seconds.
        lost: number of requests without an answer.
    """

    def __init__(self, url: str):
        self._url, self.slowest, self.lost = url, 0.0, 0

    @contextlib.asynccontextmanager
    async def watched(self):
        task = asyncio.create_task(self._watch())
        try:
            yield self
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _watch(self) -> None:
        while True:
            began = time.perf_counter()
            try:
                async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
                    found = await client.get(f"{self._url}/health")
                self.lost += found.status_code != 200
            except httpx.HTTPError:
                self.lost += 1
            self.slowest = max(self.slowest, time.perf_counter() - began)
            await asyncio.sleep(PAUSE)


async def costly_bodies(url: str, size: int, copies: int) -> str:
    """Sends each body several times at once."""
    statuses = {}
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=120) as client:
        for name, body in bodies(size).items():
            posts = [client.post("/v2/rerank", content=body) for _ in range(copies)]
            found = await asyncio.gather(*posts, return_exceptions=True)
            statuses[name] = sorted({getattr(one, "status_code", type(one).__name__) for one in found}, key=str)
    return ", ".join(f"{name} {'/'.join(map(str, found))}" for name, found in statuses.items())


async def small_chunks(url: str, connections: int = 4, size: int = 2_000_000) -> str:
    """Sends bodies in chunks of one byte over several connections at once."""
    parts = urlsplit(url)
    head = f"POST /rerank HTTP/1.1\r\nHost: {parts.hostname}\r\nContent-Type: application/json\r\n"
    request = head.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * size

    async def one() -> str:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        with contextlib.suppress(OSError):
            writer.write(request)
            await writer.drain()
        try:
            return (await reader.readline()).decode(errors="replace").strip() or "closed"
        except OSError:
            return "closed"
        finally:
            writer.close()

    return ", ".join(await asyncio.gather(*(one() for _ in range(connections))))


async def half_heads(url: str, connections: int, seconds: float) -> str:
    """Opens connections, sends half a head over each, and opens new ones for those that the server closes."""
    end, opened, closed = time.monotonic() + seconds, 0, 0
    parts = urlsplit(url)

    async def one() -> None:
        nonlocal opened, closed
        while time.monotonic() < end:
            try:
                reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
            except OSError:
                await asyncio.sleep(0.1)
                continue
            opened += 1
            with contextlib.suppress(OSError, TimeoutError):
                writer.write(b"POST /v2/rerank HTTP/1.1\r\nHost: x\r\nX-Half: ")
                await asyncio.wait_for(reader.read(), max(end - time.monotonic(), 0.01))
                closed += 1
            writer.close()
            await asyncio.sleep(0.1)

    await asyncio.gather(*(one() for _ in range(connections)))
    return f"{opened} connections opened, {closed} closed by the server"


async def attack(url: str, size: int, copies: int, connections: int, seconds: float) -> bool:
    """Prints a line for each attack; returns whether /health always answered in time."""
    attacks: dict[str, Callable[[], Awaitable[str]]] = {
        "costly bodies": lambda: costly_bodies(url, size, copies),
        "small chunks": lambda: small_chunks(url),
        "half heads": lambda: half_heads(url, connections, seconds),
    }
    good = True
    for name, run in attacks.items():
        async with Health(url).watched() as health:
            await asyncio.sleep(4 * PAUSE)
            said = await run()
            await asyncio.sleep(4 * PAUSE)
        good = good and health.slowest <= PATIENCE and not health.lost
        print(f"{name}: /health took {health.slowest:.3f} s at most, lost {health.lost}; {said}")
    return good


def parser() -> argparse.ArgumentParser:
    """The script's command line."""
    result = argparse.ArgumentParser(
        prog="python -m experiments.serving.attack",
        description=__doc__.partition(": ")[2],
        formatter_class=HelpFormatter,
    )
    add = result.add_argument
    add("--url", default="http://127.0.0.1:8000", help="where lce serve listens, on this machine")
    add("--megabytes", type=float, default=7.9, help="of a body; the server's own limit is 8")
    add("--copies", type=int, default=4, help="of each body at once")
    add("--connections", type=int, default=300, help="with half a head")
    add("--seconds", type=float, default=20.0, help="for which these are kept up")
    return result


def _main(arguments: argparse.Namespace) -> int:
    if urlsplit(arguments.url).hostname not in ("127.0.0.1", "::1", "localhost"):
        raise UserError(f"--url {arguments.url}: is not on this machine; attack your own server only")
    size = int(arguments.megabytes * MB)
    given = arguments.url, size, arguments.copies, arguments.connections, arguments.seconds
    return int(not asyncio.run(attack(*given)))


main = command_main(parser, _main)

if __name__ == "__main__":
    sys.exit(main())
