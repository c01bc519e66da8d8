"""Connections without a request, too many connections, and requests with two lengths."""

import concurrent.futures
import json
import socket
import threading
import time
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import FastAPI

from lce_tf.errors import UserError
from lce_tf.serving import connections
from lce_tf.serving.connections import RESERVE, fitting
from lce_tf.serving.running import server_of
from lce_tf.serving.settings import Limits

TEI = {"query": "q", "texts": ["aaaaa", "b"]}
HEALTH = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"


def connected(address, data=b""):
    """A connection to the server, over which `data` was sent."""
    parts = urlsplit(address)
    found = socket.create_connection((parts.hostname, parts.port), timeout=30)
    found.sendall(data)
    return found


def answer(connection) -> bytes:
    """All that comes until the server closes the connection."""
    with connection, connection.makefile("rb") as stream:
        return stream.read()


def test_a_head_that_does_not_end_is_408(server):
    address = server(header_timeout=0.2)
    found = answer(connected(address, b"POST /rerank HTTP/1.1\r\nHost: x\r\nX-"))
    head, _, body = found.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ") and b"connection: close" in head
    assert json.loads(body) == {"error": "the request's head took too long to arrive"}
    assert answer(connected(address)) == b""


def chunked(size: int) -> bytes:
    """A request whose body comes in chunks of so many bytes."""
    body = json.dumps(TEI | {"texts": ["a" * 4000]}).encode()
    parts = [body[i : i + size] for i in range(0, len(body), size)]
    head = b"POST /rerank HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n"
    framed = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    return head + b"Transfer-Encoding: chunked\r\n\r\n" + framed + b"0\r\n\r\n"


def test_a_body_in_very_many_small_chunks_is_400_and_closed(server):
    address = server()
    assert answer(connected(address, chunked(1000))).startswith(b"HTTP/1.1 200 ")
    head, _, body = answer(connected(address, chunked(1))).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ") and json.loads(body) == {
        "error": "the request is not HTTP that this server can read"
    }
    assert httpx.get(f"{address}/health").status_code == 200


def test_so_is_that_of_a_later_request(server):
    connection = connected(server(header_timeout=0.3), HEALTH + b"GET /hea")
    found = answer(connection)
    assert found.startswith(b"HTTP/1.1 200 ") and b"HTTP/1.1 408 " in found


def test_a_request_may_take_longer_than_its_head(server, held, wait):
    address = server(held, header_timeout=0.1)
    threading.Timer(0.5, held.free.set).start()
    assert httpx.post(f"{address}/rerank", json=TEI, timeout=30).status_code == 200


def test_one_connection_asks_many_times(server):
    with httpx.Client(base_url=server(header_timeout=5)) as client:
        assert {client.post("/rerank", json=TEI).status_code for _ in range(5)} == {200}


def test_an_idle_connection_stays_open_as_long_as_a_head_may_take(server, caplog):
    connection = connected(server(header_timeout=0.3), HEALTH)
    assert answer(connection).count(b"HTTP/1.1 200 ") == 1
    assert "head too late" not in caplog.text
    # uvicorn's own limit, by default 5 s, is later.
    assert server_of(FastAPI(), Limits(header_timeout=75)).config.timeout_keep_alive > 75


@pytest.mark.parametrize("kind", ["close", "keep-alive"])
def test_an_answer_that_is_read_slowly_comes_whole(server, kind):
    texts = ["a" * 20_000] * 400
    address = server(header_timeout=0.2, max_pairs=400, max_queue_pairs=400, max_body_mb=20)
    body = json.dumps({"query": "q", "texts": texts, "return_text": True}).encode()
    head = f"POST /rerank HTTP/1.1\r\nHost: x\r\nConnection: {kind}\r\nContent-Length: {len(body)}\r\n"
    connection = connected(address)
    connection.sendall(head.encode() + b"Content-Type: application/json\r\n\r\n" + body)
    time.sleep(1)  # five times as long as a head may take
    head, _, found = answer(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ") and len(json.loads(found)) == 400


def test_newcomers_close_those_that_have_waited_longest(server):
    address = server(max_connections=4, header_timeout=60)
    idle = [connected(address, b"POST /rerank HTTP/1.1\r\n") for _ in range(2 * RESERVE)]
    assert httpx.get(f"{address}/health").status_code == 200
    assert httpx.post(f"{address}/rerank", json=TEI).status_code == 200
    assert answer(idle[0]) == b""  # closed
    idle[-1].sendall(b"Host: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
    assert answer(idle[-1]).startswith(b"HTTP/1.1 422 ")
    for connection in idle:
        connection.close()


def test_requests_beyond_the_limit_are_429_but_probes_are_answered(server, held, wait):
    address = server(held, max_connections=2)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        kept = [pool.submit(httpx.post, f"{address}/rerank", json=TEI, timeout=60)]
        assert held.begun.wait(30)
        kept.append(pool.submit(httpx.post, f"{address}/rerank", json=TEI, timeout=60))
        wait(lambda: "lce_queue_requests 1.0" in httpx.get(f"{address}/metrics").text)
        refused = httpx.post(f"{address}/rerank", json=TEI)
        assert refused.status_code == 429 and refused.headers["Retry-After"] == "1"
        assert refused.json() == {"error": "too many requests at once; ask again in 1 s", "error_type": "Overloaded"}
        assert all(httpx.get(f"{address}{path}").status_code == 200 for path in ("/health", "/ready"))
        held.free.set()
        assert [one.result(30).status_code for one in kept] == [200, 200]
    assert httpx.post(f"{address}/rerank", json=TEI).status_code == 200


def test_two_lengths_are_400_and_the_connection_is_closed(server):
    head = b"POST /rerank HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
    found = answer(connected(server(), head + b"0\r\n\r\n" + HEALTH))
    assert found.startswith(b"HTTP/1.1 400 ") and found.count(b"HTTP/1.1") == 1
    assert b"both Content-Length and Transfer-Encoding are given; send one" in found


@pytest.mark.parametrize("path", ["/rerank/", "/health/", "/v2/rerank/"])
def test_a_path_with_a_trailing_slash_is_another(client, path):
    found = client().post(path, json=TEI, headers={"Host": "elsewhere.example"}, follow_redirects=False)
    assert found.status_code == 404 and "location" not in found.headers


@pytest.mark.parametrize(
    ("soft", "hard", "found", "asked"),
    [(64, 64, None, None), (1024, 4096, 2000, 2000), (300, 300, 134, None), (-1, -1, 2000, None)],
)
def test_as_many_as_there_are_files(monkeypatch, soft, hard, found, asked):
    set_to = []
    monkeypatch.setattr(connections.resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(connections.resource, "setrlimit", lambda _, limits: set_to.append(limits))
    monkeypatch.setattr(connections.os, "listdir", lambda _: ["0"] * 22)  # with 22 open, 166 are needed beside
    if found is None:
        with pytest.raises(UserError, match="may open 64 files, and needs 167: raise it with ulimit -n"):
            fitting(2000)
    else:
        assert fitting(2000) == found and (asked is None or set_to == [(2166, 4096)])
