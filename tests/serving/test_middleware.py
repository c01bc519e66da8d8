"""The checks before the application: size, token, counts and the log."""

import json
import logging

import numpy as np
import pytest

from lce_tf.reranker import Scored
from lce_tf.reranking.calibration import Calibration
from lce_tf.serving import logs, middleware
from lce_tf.serving.logs import JsonLines, Sparing

TEI = {"query": "q", "texts": ["some text", "b"]}


def test_a_body_that_says_it_is_too_big(client):
    found = client(max_body_mb=0.001).post("/rerank", json={"query": "q", "texts": ["a" * 1000]})
    assert found.status_code == 413
    assert found.json()["error"] == "the body has more than 1000 bytes; send fewer or shorter texts"


def test_a_body_that_does_not_say_so(client):
    served = client(max_body_mb=0.001)
    with pytest.MonkeyPatch.context() as patch:
        read = []
        patch.setattr("lce_tf.serving.bodies.read", lambda *given: read.append(given))
        found = served.post("/rerank", content=iter([b'{"query": "q", "texts": ["', b"a" * 600, b"a" * 600, b'"]}']))
    assert found.status_code == 413 and not read
    assert served.post("/rerank", content=iter([b'{"query": "q", ', b'"texts": ["a"]}'])).status_code == 200


def test_a_lie_about_the_body_s_size_changes_nothing(server):
    """Over the wire: the refusal arrives although the client writes on."""
    import httpx

    address = server(max_body_mb=0.001)
    found = httpx.post(f"{address}/rerank", content=iter([b"x" * 100_000] * 20))
    assert found.status_code == 413


def test_compressed_bodies(client):
    found = client().post("/rerank", json=TEI, headers={"content-encoding": "gzip"})
    assert (
        found.status_code == 415
        and found.json()["error"] == "the body is compressed (Content-Encoding); send it as it is"
    )


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Bearer tokem", "Bearer toke", "Basic token", "token", "Bearer tökén"]
)
def test_without_the_token(client, header):
    served = client(lambda pairs: pytest.fail("scored"), token="token")
    headers = {} if header is None else {"Authorization": header.encode("latin-1")}
    for path in ("/rerank", "/v2/rerank", "/score", "/openapi.json", "/nowhere"):
        found = served.post(path, json=TEI, headers=headers)
        assert found.status_code == 401 and found.headers["WWW-Authenticate"] == "Bearer"
        assert "send the header Authorization: Bearer TOKEN" in found.text
    for path in ("/health", "/ready", "/metrics"):
        assert served.get(path, headers=headers).status_code == 200


@pytest.mark.parametrize("header", ["Bearer token", "bearer token", "Bearer  token"])
def test_with_the_token(client, header):
    assert client(token="token").post("/rerank", json=TEI, headers={"Authorization": header}).status_code == 200


def test_what_is_not_there(client):
    served = client()
    lost, wrong = served.post("/v3/rerank", json=TEI), served.get("/rerank")
    assert lost.status_code == 404 and wrong.status_code == 405 and wrong.headers["Allow"] == "POST"
    assert wrong.json()["error_type"] == "Validation" and lost.json().keys() == {"error"}
    for found in (lost, wrong):
        assert "there are POST /v1/rerank, /v2/rerank" in found.json()["error"]


def test_what_is_described(client):
    paths = client().get("/openapi.json").json()["paths"]
    schema = paths["/v2/rerank"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert schema["required"] == ["query", "documents"] and paths.keys() >= {"/rerank", "/score", "/health"}


def test_metrics(client):
    served = client()
    served.post("/rerank", json=TEI)
    served.post("/rerank", json={})
    for i in range(3):  # any number of names are counted as one
        served.post(f"/{i}")
    page = served.get("/metrics")
    assert page.headers["content-type"].startswith("text/plain")
    for line in (
        'lce_requests_total{route="/rerank",status="200"} 1.0',
        'lce_requests_total{route="/rerank",status="422"} 1.0',
        'lce_requests_total{route="other",status="404"} 3.0',
        'lce_request_seconds_count{route="/rerank"} 2.0',
        "lce_batch_pairs_sum 2.0",
        "lce_batch_seconds_count 1.0",
        "lce_pairs_scored_total 2.0",
        "lce_queue_requests 0.0",
        "lce_queue_pairs 0.0",
    ):
        assert line in page.text.splitlines()


def test_what_the_metrics_say_of_results(client):
    served = client(about={"sha256": "ab" * 32, "calibrated": True})
    # Scores are a tenth of the length, .1, 2, 5.1 and 6, and their sigmoids .525, .881, .994 and .998; what is beyond
    # 50 characters is cut: 2 of 4.
    texts = ["a", "a" * 20, "a" * 51, "a" * 60]
    assert served.post("/rerank", json={"query": "q", "texts": texts, "raw_scores": True}).status_code == 200
    page = served.get("/metrics").text.splitlines()
    for line in (
        "lce_pairs_cut_total 2.0",
        "lce_pairs_scored_total 4.0",
        'lce_relevance_bucket{le="0.5"} 0.0',
        'lce_relevance_bucket{le="0.6"} 1.0',
        'lce_relevance_bucket{le="0.9"} 2.0',
        'lce_relevance_bucket{le="0.99"} 2.0',
        'lce_relevance_bucket{le="1.0"} 4.0',
        "lce_relevance_count 4.0",
        f'lce_model_info{{calibrated="true",model="toy",sha256="{"ab" * 32}"}} 1.0',
    ):
        assert line in page
    (total,) = [line for line in page if line.startswith("lce_relevance_sum ")]
    assert float(total.split()[1]) == pytest.approx(0.524979 + 0.880797 + 0.993940 + 0.997527, abs=1e-5)


def test_relevance_is_the_calibrated_probability(client):
    def score(pairs):
        kept = np.ones(len(pairs), np.int64)
        return Scored(kept * np.float32(0.5), kept, kept == 0, Calibration("platt", slope=2.0, intercept=-1.8))

    served = client(score)
    served.post("/rerank", json={"query": "q", "texts": ["a"]})
    page = served.get("/metrics").text
    (total,) = [line for line in page.splitlines() if line.startswith("lce_relevance_sum ")]
    assert float(total.split()[1]) == pytest.approx(0.310026, abs=1e-5)  # sigmoid(2 x 0.5 - 1.8) = sigmoid(-0.8)
    assert "lce_pairs_cut_total 0.0" in page


def lines(caplog):
    return [json.loads(JsonLines().format(record)) for record in caplog.records if record.name == "lce_tf.serving"]


def test_one_line_a_request_without_its_texts(client, caplog):
    caplog.set_level(logging.INFO, "lce_tf.serving")
    served = client(token="token")
    known = {"Authorization": "Bearer token"}
    served.post("/rerank?query=some", json=TEI, headers=known)
    served.post("/v2/rerank", json={"query": "some text", "documents": [1]}, headers=known)
    served.post("/rerank", json=TEI)
    served.get("/health")
    found = lines(caplog)
    assert [(one["method"], one["path"], one["status"], one["pairs"]) for one in found] == [
        ("POST", "/rerank", 200, 2), ("POST", "/v2/rerank", 400, 0), ("POST", "/rerank", 401, 0),
        ("GET", "/health", 200, 0),
    ]  # fmt: skip
    assert all(one["ms"] >= 0 and one["event"] == "request" and one["time"].endswith("+00:00") for one in found)
    assert found[1]["error"] == "documents[0]: is a number; give a string" and "error" not in found[0]
    assert "some" not in json.dumps(found) and "token" not in json.dumps(found[:2])


def test_an_exception_s_message_is_not_logged():
    try:
        raise ValueError("some text")
    except ValueError as error:
        record = logging.LogRecord(
            "x", logging.ERROR, "f", 1, "failed\n", None, (ValueError, error, error.__traceback__)
        )
    line = json.loads(JsonLines().format(record))
    assert line["event"] == "failed" and line["level"] == "error"
    assert line["fault"].startswith("ValueError at ") and "some text" not in json.dumps(line)


def record(message, name="uvicorn.error"):
    return logging.LogRecord(name, logging.WARNING, "f", 1, message, None, None)


def test_what_happens_again_and_again_is_logged_now_and_then():
    now = [0.0]
    sparing = Sparing(lambda: now[0])
    assert sum(sparing.filter(record("Invalid HTTP request received.")) for _ in range(500)) == logs._MOST
    assert sparing.filter(record("another"))
    assert all(sparing.filter(record("request", "lce_tf.serving")) for _ in range(500))
    now[0] = 61.0
    later = record("Invalid HTTP request received.")
    assert sparing.filter(later) and later.fields == {"suppressed": 500 - logs._MOST}
    after = record("Invalid HTTP request received.")
    assert sparing.filter(after) and not hasattr(after, "fields")


def test_the_logs_of_uvicorn_and_asyncio_are_lines_of_json(capsys, monkeypatch):
    loggers = [logs.LOGGER, *map(logging.getLogger, ("uvicorn", "asyncio"))]
    for logger in loggers:
        monkeypatch.setattr(logger, "handlers", [])
        monkeypatch.setattr(logger, "propagate", True)
        monkeypatch.setattr(logger, "level", logger.level)
    logs.to_stderr()
    try:
        raise OSError(24, "Too many open files")
    except OSError as error:
        fault = error
    for _ in range(300):
        logging.getLogger("asyncio").error("out of resource\nsocket: <some text>", exc_info=fault)
        logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert len(lines) == 2 * logs._MOST and {line["event"] for line in lines} == {
        "out of resource", "Invalid HTTP request received."
    }  # fmt: skip
    assert lines[0]["fault"].startswith("OSError at ") and "some text" not in json.dumps(lines)


def test_bodies_of_all_requests_together_are_bounded(client, monkeypatch):
    monkeypatch.setattr(middleware, "_BODIES", 0.5)
    served = client(max_body_mb=0.001)
    found = served.post("/rerank", json={"query": "q", "texts": ["a" * 600]})
    assert found.status_code == 429 and found.headers["Retry-After"] == "1"
    for _ in range(5):  # what was held is let go
        assert served.post("/rerank", json={"query": "q", "texts": ["a" * 200]}).status_code == 200
