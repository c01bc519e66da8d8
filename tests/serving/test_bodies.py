"""Bad bodies: each is answered with a 4xx status and one line, and none reaches the model."""

import json
import threading

import numpy as np
import pytest

from lce_tf.serving import bodies, shapes
from lce_tf.serving.bodies import values_of
from lce_tf.serving.refused import Refused


def rerank(**changes):
    given = {"query": "q", "documents": ["a", "b"], **changes}
    return "/v2/rerank", json.dumps({name: value for name, value in given.items() if value is not ...})


def tei(**changes):
    return "/rerank", json.dumps({"query": "q", "texts": ["a", "b"], **changes})


def pair(**changes):
    return "/score", json.dumps({"text_1": "a", "text_2": "b", **changes})


HALF = "holds half of a surrogate pair; send whole characters"
BAD = {
    "nothing": ("/rerank", "", 400, "the body is not JSON (it is empty)"),
    "no JSON": ("/rerank", "query=q", 400, "the body is not JSON (Expecting value: line 1 column 1 (char 0))"),
    "torn": ("/rerank", rerank()[1][:-3], 400, "the body is not JSON (Unterminated string starting at: line 1 column"),
    "two objects": ("/rerank", "{}{}", 400, "the body is not JSON (Extra data: line 1 column 3 (char 2))"),
    "NaN": ("/rerank", '{"query": NaN}', 400, "the body is not JSON (NaN is no JSON)"),
    "infinity": ("/score", '{"text_1": -Infinity}', 400, "the body is not JSON (-Infinity is no JSON)"),
    "a list": ("/score", '["a", "b"]', 400, "the body is a list; send a JSON object"),
    "a string": ("/score", '"a"', 400, "the body is a string; send a JSON object"),
    "null": ("/score", "null", 400, "the body is null; send a JSON object"),
    "many values": ("/rerank", "[" * 100_000, 413, "the body has 100001 values; 1500 are allowed"),
    "deep": ("/rerank", "[" * 1400, 400, "the body is nested too deeply; send a flat JSON object"),
    "many digits": ("/rerank", f'{{"top_n": {"1" * 5000}}}', 400, "the body is not JSON (Exceeds the limit (4300"),
    "Latin-1": ("/rerank", b'{"query": "Z\xfcrich"}', 400, "the body is not UTF-8 (byte 12); send JSON in UTF-8"),
    "UTF-16": ("/rerank", '{"query": "q"}'.encode("utf-16"), 400, "the body is not UTF-8 (byte 0)"),
    "a byte order mark": ("/rerank", b"\xef\xbb\xbf{}", 400, "the body is not JSON (Unexpected UTF-8 BOM"),
    "a raw control byte": ("/rerank", '{"query": "a\x01"}', 400, "the body is not JSON (Invalid control character"),
    "an empty object": ("/rerank", "{}", 422, "neither documents nor texts is given; send one of them"),
    "both shapes": ("/rerank", '{"texts": [], "documents": []}', 422, "both documents and texts are given; send one"),
    "the other's shape": ("/v2/rerank", tei()[1], 400, "documents: is missing"),
    "no query": (*rerank(query=...), 400, "query: is missing"),
    "null as query": (*rerank(query=None), 400, "query: is null; give a string"),
    "a number as query": (*rerank(query=7), 400, "query: is a number; give a string"),
    "a list as query": (*rerank(query=["q"]), 400, "query: is a list; give a string"),
    "a blank query": (*tei(query=" \n"), 422, "query: is blank; give the question"),
    "no documents": (*rerank(documents=...), 400, "documents: is missing"),
    "no document": (*rerank(documents=[]), 400, "documents: is empty; give one text at least"),
    "one document": (*rerank(documents="a"), 400, "documents: is a string; give a list of strings"),
    "a number among documents": (*rerank(documents=["a", 1]), 400, "documents[1]: is a number; give a string"),
    "null among documents": (*rerank(documents=["a", None]), 400, "documents[1]: is null; give a string"),
    "a list among documents": (*rerank(documents=[["a"]]), 400, "documents[0]: is a list; give a string"),
    "an object without text": (*rerank(documents=[{"t": "a"}]), 400, "documents[0]: is an object; give a string"),
    "an object's text": (*rerank(documents=[{"text": 1}]), 400, "documents[0]: is a number; give a string"),
    "half a pair": (*tei(texts=["\ud83d"]), 422, f"texts[0]: {HALF}"),
    "the other half": (*rerank(query="a\udc00"), 400, f"query: {HALF}"),
    "half a pair to score": (*pair(text_2=["b", "\udfff!"]), 400, f"text_2[1]: {HALF}"),
    "top 0": (*rerank(top_n=0), 400, "top_n: input should be greater than or equal to 1"),
    "top true": (*rerank(top_n=True), 400, "top_n: is true or false; give a whole number"),
    "top 1.5": (*rerank(top_n=1.5), 400, "top_n: is a number; give a whole number"),
    "top 1e999": ("/v2/rerank", rerank()[1][:-1] + ', "top_n": 1e999}', 400, "top_n: is a number; give a whole number"),
    "a string as top": (*rerank(top_n="2"), 400, "top_n: is a string; give a whole number"),
    "a word as flag": (*rerank(return_documents="yes"), 400, "return_documents: is a string; give true or false"),
    "a number as flag": (*tei(raw_scores=1), 422, "raw_scores: is a number; give true or false"),
    "a number as model": (*rerank(model=3), 400, "model: is a number; give a string"),
    "other fields to rank by": (*rerank(rank_fields=["title"]), 400, 'rank_fields: only ["text"] can be ranked by'),
    "the other end": (*tei(truncation_direction="Left"), 422, 'truncation_direction: only "Right" is known'),
    "no text": (*tei(texts=[]), 422, "texts: is empty; give one text at least"),
    "no second text": (*pair(text_2=[]), 400, "text_2: is empty; give one text at least"),
    "a number to score": (*pair(text_1=1), 400, "text_1: is a number; give a list of strings"),
    "numbers to score": (*pair(text_1=[1]), 400, "text_1[0]: is a number; give a string"),
    "two and three": (*pair(text_1=["a"] * 2, text_2=["b"] * 3), 400, "text_1: has 2 texts, text_2 has 3; give 1 or 3"),
    "too many pairs": (*tei(texts=["a"] * 11), 413, "texts: 11 in one request; 10 are allowed, send several"),
    "a long text": (*tei(texts=["a", "b" * 101]), 413, "pair 1 has a text of 101 characters; 100 are allowed, shorten"),
    "a long query": (*rerank(query="b" * 101), 413, "pair 0 has a text of 101 characters; 100 are allowed, shorten it"),
}  # fmt: skip


def line_of(error):
    """The one line in an error of any service's shape."""
    if error.keys() == {"message"}:
        return error["message"]
    if isinstance(error["error"], dict):
        assert error["error"].keys() == {"message", "type", "param", "code"}
        return error["error"]["message"]
    assert error.keys() <= {"error", "error_type"}
    return error["error"]


@pytest.fixture
def bad(client):
    calls = []
    yield client(calls.append, max_pairs=10, max_chars=100, max_body_mb=0.2)
    assert not calls


def test_bad_bodies(bad):
    for name, (path, body, status, line) in BAD.items():
        found = bad.post(path, content=body)
        error = found.json()
        told = line_of(error)
        assert found.status_code == status, (name, found.text)
        assert told.startswith(line) and "\n" not in told, (name, error)
    for path in ("/score", "/v1/score"):
        assert bad.post(path, content=b"x").status_code == 400


def test_what_is_unusual_and_good(client):
    usual = client()
    for body in (
        {"query": "q", "texts": [""], "truncate": None, "raw_scores": None, "model": None, "unknown": [1]},
        {"query": "[SEP] \u2028 \U0001f469", "documents": ["\x01", " ", "ß" * 30], "top_n": 10**30},
    ):
        found = usual.post("/rerank", content=json.dumps(body), headers={"content-type": "text/plain"})
        assert found.status_code == 200, found.text


def counted(value) -> int:
    """Values in some parsed JSON, keys not counted."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(counted, inner))


def test_values_are_counted_without_those_in_strings(monkeypatch):
    rng = np.random.default_rng(0)
    texts = ['a,b[{"', "\\", "\\\\", '"', '\\"', ",,,", "", "é,"]

    def made(depth):
        kind = rng.integers(4 if depth else 2)
        if kind == 0:
            return str(rng.choice(texts)) + str(rng.choice(texts))
        if kind == 1:
            return int(rng.integers(9))
        parts = [made(depth - 1) for _ in range(rng.integers(1, 5))]
        return parts if kind == 2 else {str(rng.choice(texts)) + str(i): part for i, part in enumerate(parts)}

    for stretch in (7, 1 << 20):
        monkeypatch.setattr(bodies, "_STRETCH", stretch)
        for _ in range(100):
            value = [made(4) for _ in range(rng.integers(1, 9))]
            assert values_of(json.dumps(value).encode()) == counted(value)
    assert values_of(b"") == values_of(b"{") - 1 == 1


@pytest.mark.parametrize("unit", [b"1,", b"{},", b"[],", b'{"a":1},', b"[[[[]]]],", b'"ab",'])
def test_a_body_of_many_values_is_refused_before_any_of_them_is_read(unit, monkeypatch):
    monkeypatch.setattr(bodies, "read_object", lambda body: pytest.fail("read"))
    body = b'{"query":"q","documents":[' + unit * 60_000 + b"1]}"
    with pytest.raises(Refused) as refused:
        bodies.read(body, shapes.shape_of, 1000)
    assert refused.value.status == 413 and "values; 51000 are allowed, send several requests" in refused.value.line


@pytest.mark.parametrize("field", ["documents", "texts", "text_1", "text_2", "rank_fields", "unknown"])
def test_a_long_list_is_refused_before_its_texts_are_looked_at(field, monkeypatch):
    monkeypatch.setattr(bodies, "parse", lambda *_: pytest.fail("looked at"))
    with pytest.raises(Refused) as refused:
        bodies.read(json.dumps({field: [1] * 11}).encode(), shapes.shape_of, 10)
    assert refused.value.status == 413
    assert refused.value.line == f"{field}: 11 in one request; 10 are allowed, send several"


def test_one_error_is_made_of_many_wrong_texts():
    from pydantic import ValidationError

    for shape, body in (
        (shapes.CohereRequest, {"query": "q", "documents": [1] * 1000}),
        (shapes.TeiRequest, {"query": "q", "texts": [1] * 1000}),
        (shapes.VllmRequest, {"text_1": "q", "text_2": [1] * 1000}),
    ):
        with pytest.raises(ValidationError) as found:
            shape.model_validate(body)
        assert found.value.error_count() == 1


def test_large_bodies_are_read_one_at_a_time_off_the_event_loop(client, monkeypatch):
    seen, read = [], bodies.read

    def noted(*given):
        seen.append(threading.current_thread().name)
        return read(*given)

    monkeypatch.setattr(bodies, "read", noted)
    served = client()
    for text in ("a", "a" * 70_000):
        assert served.post("/rerank", json={"query": "q", "texts": [text]}).status_code == 200
    assert not seen[0].startswith("reading") and seen[1] == "reading_0"
