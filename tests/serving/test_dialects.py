"""Errors in the shape of each service, and what their clients ask of a server beside scores."""

import json

import pytest

from lce_tf.serving.dialects import error_answer
from lce_tf.serving.refused import Refused


def test_errors_have_the_shape_of_the_service_that_was_asked(client):
    served = client()
    cohere = served.post("/v2/rerank", json={"query": "q"})
    assert (cohere.status_code, cohere.json()) == (400, {"message": "documents: is missing"})
    tei = served.post("/rerank", json={"texts": ["a"]})
    assert (tei.status_code, tei.json()) == (422, {"error": "query: is missing", "error_type": "Validation"})
    vllm = served.post("/score", json={"text_1": "a"})
    told = {"message": "text_2: is missing", "type": "BadRequestError", "param": None, "code": 400}
    assert (vllm.status_code, vllm.json()) == (400, {"error": told})
    # At the path that several share the body decides.
    assert served.post("/rerank", json={"documents": ["a"]}).json() == {"message": "query: is missing"}
    assert served.post("/rerank", content=b"{").json()["error_type"] == "Validation"


def test_tei_s_root_is_its_rerank(client):
    served, asked = client(), {"query": "q", "texts": ["a", "bb"]}
    assert served.post("/", json=asked).json() == served.post("/rerank", json=asked).json() != []
    assert served.post("/", json={"texts": ["a"]}).json()["error_type"] == "Validation"


def test_errors_before_a_body_is_read(client):
    served = client(token="token")
    assert served.post("/v1/rerank", json={}).json() == {"message": "send the header Authorization: Bearer TOKEN"}
    assert served.get("/v1/models").json()["error"]["type"] == "Unauthorized"
    assert served.get("/info").json()["error_type"] == "Unauthorized"


@pytest.mark.parametrize(
    ("status", "told", "name"),
    [(429, 429, "Overloaded"), (503, 503, "Unhealthy"), (500, 424, "Backend"), (413, 413, "Validation")],
)
def test_what_tei_calls_it(status, told, name):
    assert error_answer(Refused(status, "no"), "/rerank") == (told, {"error": "no", "error_type": name})


def test_a_fault_of_the_server_s_own_has_the_service_s_shape(client):
    def score(pairs):
        raise RuntimeError

    served = client(score, faults=False)
    failed = served.post("/v2/rerank", json={"query": "q", "documents": ["a"]})
    assert (failed.status_code, failed.json()) == (500, {"message": "the server failed; its log says where"})


def test_what_kind_of_server_it_is(client):
    served = client(longest=48, max_pairs=10, about={"sha256": "ab" * 32})
    info = served.get("/info").json()
    assert info["model_sha"] == "ab" * 32 and client().get("/info").json()["model_sha"] is None
    assert info["model_id"] == "toy" and info["max_input_length"] == 48 and info["max_client_batch_size"] == 10
    assert info["model_type"] == {"reranker": {"id2label": {"0": "LABEL_0"}, "label2id": {"LABEL_0": 0}}}
    found = served.get("/v1/models").json()
    (model,) = found["data"]
    assert found["object"] == "list" and model["id"] == "toy" and model["max_model_len"] == 48


@pytest.mark.parametrize(
    ("precision", "dtype"),
    [("float32", "float32"), ("mixed_float16", "float16"), ("products_bfloat16", "bfloat16"), ("int8", "int8")],
)
def test_the_dtype_is_what_the_engine_computes_in(client, precision, dtype):
    assert client(precision=precision).get("/info").json()["model_dtype"] == dtype


@pytest.mark.parametrize("path", ["/health", "/ready", "/metrics", "/info", "/v1/models"])
def test_probes_may_ask_for_the_head_alone(client, path):
    served = client()
    head, whole = served.head(path), served.get(path)
    assert (
        head.status_code == whole.status_code == 200 and head.headers["content-type"] == whole.headers["content-type"]
    )


@pytest.mark.parametrize(
    "names", [("text_1", "text_2"), ("queries", "documents"), ("queries", "items"), ("data_1", "data_2")]
)
def test_every_name_that_vllm_has_given_to_the_texts(client, names):
    first, second = names
    for one in ("a", ["a"]):
        found = client().post("/score", json={first: one, second: ["b", "ccc"], "user": "x", "priority": 0})
        assert [pair["index"] for pair in found.json()["data"]] == [0, 1]


def test_a_ranking_as_vllm_and_voyage_ask_for_it(client):
    served, given = client(), {"query": "q", "documents": ["a", "bbb"]}
    assert len(served.post("/rerank", json={**given, "top_k": 1}).json()["results"]) == 1
    raw = served.post("/rerank", json={**given, "use_activation": False}).json()
    assert [hit["relevance_score"] for hit in raw["results"]] == pytest.approx([0.3, 0.1])
    assert raw["model"] == "toy" and raw["usage"]["total_tokens"] == 4


def test_tokens_that_a_request_wants_cut(client):
    served, given = client(), {"text_1": "q", "text_2": ["a", "bbb"]}
    for fits in (-1, 3, None):
        assert served.post("/score", json={**given, "truncate_prompt_tokens": fits}).status_code == 200
    cut = served.post("/score", json={**given, "truncate_prompt_tokens": 2})
    assert cut.status_code == 400 and "pair 1 has 3 tokens, more than 2" in json.dumps(cut.json())
