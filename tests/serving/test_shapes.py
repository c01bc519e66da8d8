"""Three services' requests and answers: each gives the requested order and scores."""

import math
import uuid
from dataclasses import replace

import numpy as np
import pytest

from lce_tf.reranker import Scored
from lce_tf.reranking.calibration import Calibration
from lce_tf.serving.bodies import parse
from lce_tf.serving.refused import Refused
from lce_tf.serving.shapes import ROUTES, CohereRequest, TeiRequest, VllmRequest, VllmRerankRequest, shape_of

TEXTS = ["aaa", "b", "cc", "ddd"]
# aaa and ddd are equally good: they stay in their order.
SCORES = [2.0, -1.0, 0.5, 2.0]
ORDER = [0, 3, 2, 1]


def sigmoid(value):
    return 1 / (1 + math.exp(-value))


def scored(scores, cut=()):
    flags = np.isin(np.arange(len(scores)), cut)
    return Scored(np.array(scores, np.float32), np.arange(len(scores)) + 5, flags)


def answer(shape, given, scores=SCORES, cut=()):
    return parse(shape, given).answer(scored(scores, cut), "toy")


def test_cohere():
    request = parse(CohereRequest, {"model": "rerank-v3.5", "query": "q", "documents": TEXTS, "max_tokens_per_doc": 9})
    assert request.pairs() == [("q", text) for text in TEXTS]
    found = request.answer(scored(SCORES), "toy")
    assert uuid.UUID(found["id"]) and found["meta"] == {"api_version": {"version": "2"}}
    assert [result["index"] for result in found["results"]] == ORDER
    expected = [sigmoid(SCORES[i]) for i in ORDER]
    assert [result["relevance_score"] for result in found["results"]] == pytest.approx(expected, abs=1e-12)
    assert all(result.keys() == {"index", "relevance_score"} for result in found["results"])


@pytest.mark.parametrize("shape", [CohereRequest, TeiRequest])
def test_a_calibration_takes_the_place_of_the_sigmoid(shape):
    found = replace(scored(SCORES), calibration=Calibration("platt", 0.5, -1.0))
    given = {"query": "q", "documents" if shape is CohereRequest else "texts": TEXTS}
    answered = parse(shape, given).answer(found[0:4], "toy")
    results = answered["results"] if shape is CohereRequest else answered
    assert [result["index"] for result in results] == ORDER
    values = [result.get("relevance_score", result.get("score")) for result in results]
    assert values == pytest.approx([sigmoid(0.5 * SCORES[i] - 1) for i in ORDER], abs=1e-12)
    raw = parse(TeiRequest, {"query": "q", "texts": TEXTS, "raw_scores": True}).answer(found, "toy")
    assert [result["score"] for result in raw] == [SCORES[i] for i in ORDER]


def test_cohere_s_first_version():
    given = {"query": "q", "documents": [{"text": "x", "title": "t"}, "y"], "top_n": 1, "return_documents": True}
    found = answer(ROUTES["/v1/rerank"], {**given, "rank_fields": ["text"]}, [0.0, 3.0])
    assert found["results"] == [{"index": 1, "relevance_score": pytest.approx(sigmoid(3)), "document": {"text": "y"}}]
    assert found["meta"] == {"api_version": {"version": "1"}}
    first = answer(ROUTES["/v1/rerank"], {**given, "top_n": 9}, [3.0, 0.0])["results"]
    assert [result["document"] for result in first] == [{"text": "x"}, {"text": "y"}]


def test_vllm_s_ranking_has_the_documents_unless_they_are_not_wanted():
    given = {"query": "q", "documents": TEXTS}
    for changes in ({}, {"top_n": 0}, {"return_documents": True}, {"return_documents": None}):
        found = answer(VllmRerankRequest, {**given, **changes})["results"]
        assert [(one["index"], one["document"]) for one in found] == [(i, {"text": TEXTS[i]}) for i in ORDER]
    found = answer(VllmRerankRequest, {**given, "top_n": 2, "return_documents": False})["results"]
    assert [one.keys() for one in found] == [{"index", "relevance_score"}] * 2


def test_vllm_s_ranking_of_one_document():
    found = answer(VllmRerankRequest, {"query": "q", "documents": "aaa"}, [2.0])
    assert found["results"] == [{"index": 0, "relevance_score": pytest.approx(sigmoid(2)), "document": {"text": "aaa"}}]


@pytest.mark.parametrize("path", ["/v1/rerank", "/v2/rerank"])
@pytest.mark.parametrize("wrong", [{"top_n": 0}, {"documents": "aaa"}])
def test_what_cohere_refuses_stays_refused_there(path, wrong):
    with pytest.raises(Refused):
        parse(ROUTES[path], {"query": "q", "documents": TEXTS, **wrong})


def test_tei():
    given = {"query": "q", "texts": TEXTS}
    assert [(hit["index"], hit["score"]) for hit in answer(TeiRequest, given)] == [
        (i, pytest.approx(sigmoid(SCORES[i]), abs=1e-12)) for i in ORDER
    ]
    raw = answer(TeiRequest, {**given, "raw_scores": True, "return_text": True, "truncate": True})
    assert raw == [{"index": i, "score": SCORES[i], "text": TEXTS[i]} for i in ORDER]


def test_a_nul_which_texts_of_pdf_files_may_hold_is_a_character():
    for given in ({"query": "a\0", "texts": ["b\0c"]}, {"query": "a\0", "documents": ["b\0c"]}):
        assert parse(shape_of(given), given).pairs() == [("a\0", "b\0c")]


def test_tei_that_wants_nothing_cut():
    given = {"query": "q", "texts": TEXTS, "truncate": False}
    assert len(answer(TeiRequest, given)) == 4
    with pytest.raises(
        Refused, match=r"^texts\[2\]: is longer, with the query, than the model reads; leave"
    ) as refused:
        answer(TeiRequest, given, cut=[2, 3])
    assert refused.value.status == 413
    assert len(answer(TeiRequest, {**given, "truncate": None}, cut=[2])) == 4


def test_scores_that_float32_s_sigmoid_would_make_equal_stay_apart():
    found = answer(TeiRequest, {"query": "q", "texts": ["a", "b"]}, [20.0, 21.0])
    assert [hit["index"] for hit in found] == [1, 0] and 0.99 < found[1]["score"] < found[0]["score"] <= 1


@pytest.mark.parametrize(
    ("text_1", "text_2", "pairs"),
    [
        ("a", "b", [("a", "b")]),
        ("a", ["b", "c"], [("a", "b"), ("a", "c")]),
        (["a"], ["b", "c"], [("a", "b"), ("a", "c")]),
        (["a", "d"], ["b", "c"], [("a", "b"), ("d", "c")]),
        (["a"], "", [("a", "")]),
    ],
)
def test_vllm_s_pairs(text_1, text_2, pairs):
    assert parse(VllmRequest, {"text_1": text_1, "text_2": text_2}).pairs() == pairs


@pytest.mark.parametrize(("text_1", "text_2"), [(["a", "b"], "c"), (["a", "b"], ["c"] * 3), (["a"] * 3, ["c"] * 2)])
def test_vllm_s_numbers_that_do_not_fit(text_1, text_2):
    said = "^text_1: has . texts, text_2 has .; give 1( or [23])? in text_1, or [23] in text_2$"
    with pytest.raises(Refused, match=said):
        parse(VllmRequest, {"text_1": text_1, "text_2": text_2}).pairs()


def test_vllm():
    given = {"text_1": "q", "text_2": TEXTS}
    found = answer(VllmRequest, given)
    assert found["id"].startswith("score-") and found["object"] == "list" and found["model"] == "toy"
    assert isinstance(found["created"], int)
    # In the order of the pairs, not of their scores.
    assert [(one["index"], one["object"]) for one in found["data"]] == [(i, "score") for i in range(4)]
    assert [one["score"] for one in found["data"]] == pytest.approx([sigmoid(score) for score in SCORES], abs=1e-12)
    assert found["usage"] == {"prompt_tokens": 26, "total_tokens": 26, "completion_tokens": 0}  # 5 + 6 + 7 + 8
    for name in ("use_activation", "activation"):
        assert [one["score"] for one in answer(VllmRequest, {**given, name: False})["data"]] == SCORES


def test_whose_rerank_a_body_was_meant_for():
    assert shape_of({"query": "q", "documents": []}) is VllmRerankRequest
    assert shape_of({"query": "q", "texts": []}) is TeiRequest
    for given in ({"query": "q"}, {"documents": [], "texts": []}):
        with pytest.raises(Refused, match="^(both|neither) documents (and|nor) texts (are|is) given"):
            shape_of(given)
