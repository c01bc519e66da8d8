"""The application: batches from concurrent requests, limits on time and size, and clients that disconnect."""

import asyncio
import json
import shutil
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest

from lce_tf import Reranker

TEI = {"query": "q", "texts": ["aaaaa", "b"]}


@pytest.fixture
def pool():
    with ThreadPoolExecutor(16) as pool:
        yield pool


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A small random cross-encoder as transformers saves it."""
    import torch
    import transformers

    folder = tmp_path_factory.mktemp("model")
    torch.manual_seed(0)
    sizes = {"vocab_size": 31, "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4}
    sizes |= {"intermediate_size": 64, "max_position_embeddings": 48, "num_labels": 1, "initializer_range": 0.3}
    sizes["sentence_transformers"] = {"activation_fn": "torch.nn.modules.linear.Identity"}
    transformers.BertForSequenceClassification(transformers.BertConfig(**sizes)).save_pretrained(folder)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz"]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    return folder


@pytest.fixture(scope="module")
def passages():
    rng = np.random.default_rng(0)
    return [" ".join(rng.choice(list("abcdefghijklmnopqrstuvwxyz"), n)) for n in rng.integers(1, 60, 12)]


def orders(client, query, passages):
    """[(index, score)] that the three clients get; vLLM's are sorted here."""
    cohere = client.post("/v2/rerank", json={"query": query, "documents": passages}).json()["results"]
    tei = client.post("/rerank", json={"query": query, "texts": passages}).json()
    vllm = client.post("/score", json={"text_1": query, "text_2": passages}).json()["data"]
    yield [(hit["index"], hit["relevance_score"]) for hit in cohere]
    yield [(hit["index"], hit["score"]) for hit in tei]
    yield sorted(((hit["index"], hit["score"]) for hit in vllm), key=lambda pair: -pair[1])


def test_every_client_gets_the_reranker_s_order_and_scores(checkpoint, passages, client):
    reranker = Reranker.load(checkpoint, "tensorflow", "float32")
    served = client(reranker.scored)
    ranked = reranker.rank("a q z", passages)
    assert np.std([hit.score for hit in ranked]) > 0.1
    for found in orders(served, "a q z", passages):
        assert [index for index, _ in found] == [hit.index for hit in ranked]
        expected = [1 / (1 + np.exp(-hit.score)) for hit in ranked]
        np.testing.assert_allclose([score for _, score in found], expected, atol=1e-6)
    raw = served.post("/rerank", json={"query": "a q z", "texts": passages, "raw_scores": True}).json()
    np.testing.assert_allclose([hit["score"] for hit in raw], [hit.score for hit in ranked], atol=1e-5)
    # 48 positions are fewer than the longest passage has words.
    whole = served.post("/rerank", json={"query": "a", "texts": passages, "truncate": False})
    assert whole.status_code == 413 and "is longer, with the query, than the model reads" in whole.json()["error"]
    assert served.post("/rerank", json={"query": "a", "texts": ["b c"], "truncate": False}).status_code == 200
    usage = served.post("/score", json={"text_1": "a b", "text_2": ["c", "d e f"]}).json()["usage"]
    assert usage["total_tokens"] == (3 + 2 + 1) + (3 + 2 + 3)


def test_a_model_with_a_sigmoid_of_its_own_gets_no_second(checkpoint, passages, client, tmp_path):
    copy = shutil.copytree(checkpoint, tmp_path / "model")
    values = json.loads((copy / "config.json").read_text())
    values["sentence_transformers"] = {"activation_fn": "torch.nn.modules.activation.Sigmoid"}
    (copy / "config.json").write_text(json.dumps(values))
    reranker = Reranker.load(copy, "tensorflow", "float32")
    ranked = reranker.rank("a q z", passages)
    for found in orders(client(reranker.scored), "a q z", passages):
        assert [index for index, _ in found] == [hit.index for hit in ranked]
        np.testing.assert_allclose([score for _, score in found], [hit.score for hit in ranked], atol=1e-6)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_score_among_other_requests_is_the_one_alone(checkpoint, passages, client, pool, precision):
    """To the bit: requests are joined into batches of any size."""
    reranker = Reranker.load(checkpoint, "openvino", precision)
    served = client(reranker.scored, batch_wait_ms=20)

    def ask(i):
        body = {"query": "a q z", "texts": passages[i % 12 :] + passages[: i % 12], "raw_scores": True}
        return body["texts"], served.post("/rerank", json={**body, "texts": body["texts"][: 1 + i % 7]}).json()

    for texts, hits in pool.map(ask, range(60)):
        alone = {hit["index"]: hit["score"] for hit in hits}
        expected = reranker.scored([("a q z", text) for text in texts]).scores
        assert alone == {index: float(expected[index]) for index in alone}
    assert "lce_batch_requests_sum 60.0" in (page := served.get("/metrics").text)
    assert "lce_batch_requests_count 60.0" not in page  # some were scored together


def test_requests_that_wait_are_scored_together(client, held, pool, wait):
    served = client(held)
    first = pool.submit(served.post, "/rerank", json=TEI)
    assert held.begun.wait(30)
    bodies = [{"query": f"q{i}", "texts": ["x" * (i + 1), "y" * (20 - i)]} for i in range(10)]
    others = [pool.submit(served.post, "/rerank", json={**body, "raw_scores": True}) for body in bodies]
    wait(lambda: "lce_queue_requests 10.0" in served.get("/metrics").text)
    held.free.set()
    assert first.result(30).json()[0]["index"] == 0
    wait(lambda: len(held.calls) == 2)  # the answer may be here before the next call has begun
    assert [len(call) for call in held.calls] == [2, 20]
    for i, answered in enumerate(others):  # and each gets its own
        lengths = {0: (i + 1) / 10, 1: (20 - i) / 10}
        expected = sorted(lengths.items(), key=lambda pair: -pair[1])
        found = [(hit["index"], hit["score"]) for hit in answered.result(30).json()]
        assert found == [(index, pytest.approx(score)) for index, score in expected]
    page = served.get("/metrics").text
    for line in ("lce_batch_requests_sum 11.0", "lce_batch_pairs_sum 22.0", "lce_batch_pairs_count 2.0"):
        assert line in page
    assert 'lce_batch_requests_bucket{le="8.0"} 1.0' in page and "lce_pairs_scored_total 22.0" in page
    assert "lce_queue_pairs 0.0" in page and 'lce_requests_total{route="/rerank",status="200"} 11.0' in page


def test_a_full_queue_is_429_at_once_and_nothing_is_lost(client, held, pool, wait):
    served = client(held, max_queue_pairs=4, max_pairs=4)
    answers = [pool.submit(served.post, "/rerank", json=TEI)]
    assert held.begun.wait(30)
    answers += [pool.submit(served.post, "/rerank", json=TEI) for _ in range(2)]
    wait(lambda: "lce_queue_pairs 4.0" in served.get("/metrics").text)
    refused = [served.post("/rerank", json=TEI) for _ in range(5)]  # answered while the model is busy
    assert {one.status_code for one in refused} == {429}
    assert all(int(one.headers["Retry-After"]) >= 1 for one in refused)
    assert refused[0].json() == {"error": "the queue is full; ask again in 1 s", "error_type": "Overloaded"}
    held.free.set()
    assert {one.result(30).status_code for one in answers} == {200}
    assert served.post("/rerank", json=TEI).status_code == 200


def test_a_request_that_takes_too_long_is_504_and_leaves_the_queue(client, held, pool):
    served = client(held, timeout=2)  # more than any request takes that nothing holds up
    first = pool.submit(served.post, "/rerank", json=TEI)
    assert held.begun.wait(30)
    second = served.post("/score", json={"text_1": "a", "text_2": "b"})
    assert second.status_code == 504 and first.result(30).status_code == 504
    assert second.json()["error"]["message"] == "not scored within 2 s; send fewer pairs, or ask again later"
    assert "lce_queue_pairs 0.0" in served.get("/metrics").text
    held.free.set()
    assert served.post("/rerank", json=TEI).status_code == 200
    assert [len(call) for call in held.calls] == [2, 2]  # the one that left was never scored


def test_a_model_that_fails_fails_those_alone_whom_it_fails(client, held, pool, wait, caplog):
    def score(pairs):
        found = held(pairs)
        if any("secret" in passage for _, passage in pairs):
            raise ArithmeticError("secret")
        return found

    served = client(score)
    first = pool.submit(served.post, "/rerank", json=TEI)
    assert held.begun.wait(30)
    bad = pool.submit(served.post, "/rerank", json={"query": "q", "texts": ["secret"]})
    good = pool.submit(served.post, "/rerank", json=TEI)
    wait(lambda: "lce_queue_requests 2.0" in served.get("/metrics").text)
    held.free.set()
    assert first.result(30).status_code == good.result(30).status_code == 200
    assert bad.result(30).status_code == 424
    assert bad.result(30).json()["error"] == "the server failed; its log says where"
    (fields,) = (record.fields for record in caplog.records if getattr(record, "fields", {}).get("status") == 424)
    assert fields["fault"].startswith("ArithmeticError at ") and fields["fault"].partition(":")[0].endswith(
        "test_app.py"
    )
    assert "secret" not in caplog.text and served.get("/ready").status_code == 200


def test_a_score_that_is_no_number_is_told(client):
    from lce_tf.errors import UserError

    def score(pairs):
        raise UserError("pair 0: the model's score is nan; try precision='float32'")

    found = client(score).post("/rerank", json=TEI)
    assert found.status_code == 424 and found.json()["error"].startswith("pair 0: the model's score is nan")


def raw_request(address, body, declared=None):
    """A socket on which a request was written."""
    parts = urlsplit(address)
    connection = socket.create_connection((parts.hostname, parts.port), 30)
    head = f"POST /rerank HTTP/1.1\r\nHost: x\r\nContent-Length: {declared or len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)
    return connection


def test_clients_that_go_away_leave_the_queue_and_break_nothing(server, held, pool, wait):
    address = server(held)
    first = raw_request(address, json.dumps(TEI).encode())
    assert held.begun.wait(30)
    gone = [raw_request(address, json.dumps({**TEI, "query": f"gone {i}"}).encode()) for i in range(3)]
    stays = pool.submit(httpx.post, f"{address}/rerank", json=TEI, timeout=60)
    page = lambda: httpx.get(f"{address}/metrics").text  # noqa: E731
    wait(lambda: "lce_queue_requests 4.0" in page())
    for connection in (*gone, first):  # the first is being scored already
        connection.close()
    wait(lambda: "lce_queue_requests 1.0" in page())
    held.free.set()
    assert [hit["index"] for hit in stays.result(30).json()] == [0, 1]
    assert [{query for query, _ in call} for call in held.calls] == [{"q"}, {"q"}]
    wait(lambda: 'lce_requests_total{route="/rerank",status="499"} 4.0' in page())


def test_a_body_that_never_ends_is_408(server):
    connection = raw_request(server(timeout=0.5), b'{"query"', declared=100)
    with connection, connection.makefile("rb") as stream:
        answered = stream.read()  # to the end: head and body may come one after the other
    assert answered.startswith(b"HTTP/1.1 408 ") and b"the body took longer than 0.5 s to arrive" in answered


def test_stopping_answers_what_waits_and_refuses_what_comes(held):
    """The lifespan's end, as the server calls it."""
    from lce_tf.serving.app import create_app

    async def run():
        app = create_app(held, "toy")
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            async with app.router.lifespan_context(app):
                waiting = [asyncio.create_task(client.post("/rerank", json=TEI)) for _ in range(3)]
                assert await asyncio.to_thread(held.begun.wait, 30)
                threading.Timer(0.2, held.free.set).start()
            late = await client.post("/rerank", json=TEI)
            return await asyncio.gather(*waiting), late, await client.get("/ready")

    answers, late, ready = asyncio.run(run())
    assert {one.status_code for one in answers} == {200}
    assert late.status_code == 503 and late.headers["Retry-After"] == "1" and "stopping" in late.json()["error"]
    assert (ready.status_code, ready.json()) == (503, {"ready": False, "model": "toy"})
