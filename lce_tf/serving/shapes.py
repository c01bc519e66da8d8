"""Requests and answers of three services that clients already speak: Cohere, Text Embeddings Inference and vLLM.

Fields that are not named here are ignored, and so is `model`, since there is only one. Text Embeddings Inference and
vLLM ignore unknown fields as well. Cohere's service refuses some, but its path is also that of vLLM, Jina and others,
whose clients send fields of their own.
"""

import abc
import time
import uuid
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import AfterValidator, AliasChoices, BaseModel, BeforeValidator, ConfigDict, FailFast, Field

from lce_tf.reranker import Scored
from lce_tf.reranking.order import best_first
from lce_tf.reranking.pairs import Pair, lone_surrogate
from lce_tf.serving.dialects import COHERE, TEI, VLLM
from lce_tf.serving.refused import Refused


def _sound(text: str) -> str:
    if lone_surrogate(text) is not None:
        raise ValueError("holds half of a surrogate pair; send whole characters")
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("is blank; give the question")
    return text


def _text_of(document: Any) -> Any:
    """The text of a document, which in Cohere's first version is an object with a field `text`."""
    return document["text"] if isinstance(document, dict) and "text" in document else document


def _listed(texts: Any) -> Any:
    return [texts] if isinstance(texts, str) else texts


def _text_alone(names: list[str] | None) -> list[str] | None:
    if names not in (None, ["text"]):
        raise ValueError('only ["text"] can be ranked by; put what counts into the text')
    return names


def _right_alone(direction: str | None) -> str | None:
    if direction is not None and direction.lower() != "right":
        raise ValueError('only "Right" is known: what is too long loses its end')
    return direction


Text = Annotated[str, AfterValidator(_sound)]
Query = Annotated[Text, AfterValidator(_not_blank)]
Document = Annotated[Text, BeforeValidator(_text_of)]
# Validation stops at the first wrong text, so that only one error is built.
OneOrMany = Annotated[list[Text], FailFast(), BeforeValidator(_listed), Field(min_length=1)]


class Request(BaseModel, abc.ABC):
    """A request of any format: its pairs, and the answer once they are scored."""

    model_config = ConfigDict(strict=True, extra="ignore")
    dialect: ClassVar[str]
    model: str | None = None

    @abc.abstractmethod
    def pairs(self) -> list[Pair]:
        """(query, passage) in the order in which the request has them."""

    @abc.abstractmethod
    def answer(self, scored: Scored, model: str) -> Any:
        """The JSON that the client gets.

        Args:
            scored: the results of `pairs()`.
            model: the name of the model that scored them.
        """


class Activated(Request):
    """Options of vLLM's requests: those for scores, and those for a ranking, which use the same paths as Cohere's."""

    use_activation: bool | None = Field(None, validation_alias=AliasChoices("use_activation", "activation"))
    truncate_prompt_tokens: Annotated[int, Field(ge=-1)] | None = None

    def values(self, scored: Scored) -> np.ndarray:
        """[pairs] the scores that the request asks for.

        Raises:
            Refused: a pair has more tokens than `truncate_prompt_tokens`.
        """
        most = self.truncate_prompt_tokens
        if most is not None and most >= 0 and (scored.tokens > most).any():
            index = int((scored.tokens > most).argmax())
            raise Refused(
                400,
                f"truncate_prompt_tokens: pair {index} has {scored.tokens[index]} tokens, more than {most}; a request "
                "cannot cut them: leave it out, or start the server with --sequence-length",
            )
        return scored.scores if self.use_activation is False else scored.relevance


class CohereRequest(Activated):
    """Cohere's `/v2/rerank`; takes vLLM's `use_activation` and `truncate_prompt_tokens` as well."""

    dialect = COHERE
    version: ClassVar[str] = "2"
    query: Query
    documents: Annotated[list[Document], FailFast(), Field(min_length=1)]
    top_n: Annotated[int, Field(ge=1)] | None = Field(None, validation_alias=AliasChoices("top_n", "top_k"))
    return_documents: bool | None = None
    rank_fields: Annotated[list[str] | None, AfterValidator(_text_alone)] = None

    def pairs(self) -> list[Pair]:
        return [(self.query, text) for text in self.documents]

    def answer(self, scored: Scored, model: str) -> dict[str, Any]:
        results = []
        for index, score in _ranked(scored.scores, self.values(scored))[: self.top_n]:
            result: dict[str, Any] = {"index": index, "relevance_score": score}
            if self.return_documents:
                result["document"] = {"text": self.documents[index]}
            results.append(result)
        tokens = int(scored.tokens.sum())
        return {
            "id": str(uuid.uuid4()),
            "model": model,
            "results": results,
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
            "meta": {"api_version": {"version": self.version}},
        }


class CohereRequestV1(CohereRequest):
    """Cohere's `/v1/rerank`."""

    version = "1"


class VllmRerankRequest(CohereRequest):
    """vLLM's `/rerank`, which is Jina's as well: results have their document unless `return_documents` is false.

    `top_n` 0 means all, and `documents` may be one string.
    """

    documents: Annotated[list[Document], FailFast(), BeforeValidator(_listed), Field(min_length=1)]
    top_n: Annotated[int, Field(ge=0), AfterValidator(lambda top: top or None)] | None = Field(
        None, validation_alias=AliasChoices("top_n", "top_k")
    )
    return_documents: Annotated[bool | None, AfterValidator(lambda given: given is not False)] = True


class TeiRequest(Request):
    """`/rerank`, and `/`, of Text Embeddings Inference."""

    dialect = TEI
    query: Query
    texts: Annotated[list[Text], FailFast(), Field(min_length=1)]
    raw_scores: bool | None = None
    return_text: bool | None = None
    truncate: bool | None = None
    truncation_direction: Annotated[str | None, AfterValidator(_right_alone)] = None

    def pairs(self) -> list[Pair]:
        return [(self.query, text) for text in self.texts]

    def answer(self, scored: Scored, model: str) -> list[dict[str, Any]]:
        if self.truncate is False and scored.cut.any():
            raise Refused(
                413,
                f"texts[{int(scored.cut.argmax())}]: is longer, with the query, than the model reads; leave truncate "
                "out to have it cut",
            )
        values = scored.scores if self.raw_scores else scored.relevance
        ranked = _ranked(scored.scores, values)
        if self.return_text:
            return [{"index": index, "score": score, "text": self.texts[index]} for index, score in ranked]
        return [{"index": index, "score": score} for index, score in ranked]


class VllmRequest(Activated):
    """vLLM's `/score`: one text with one or many, or two lists of equal length; any field names that vLLM has used."""

    dialect = VLLM
    text_1: OneOrMany = Field(validation_alias=AliasChoices("text_1", "queries", "data_1"))
    text_2: OneOrMany = Field(validation_alias=AliasChoices("text_2", "documents", "items", "data_2"))

    def pairs(self) -> list[Pair]:
        many = len(self.text_2)
        if len(self.text_1) not in (1, many):
            has = f"text_1: has {len(self.text_1)} texts, text_2 has {many}"
            fitting = "1" if many == 1 else f"1 or {many}"
            raise Refused(422, f"{has}; give {fitting} in text_1, or {len(self.text_1)} in text_2")
        firsts = self.text_1 if len(self.text_1) == many else self.text_1 * many
        return list(zip(firsts, self.text_2, strict=True))

    def answer(self, scored: Scored, model: str) -> dict[str, Any]:
        values = self.values(scored)
        tokens = int(scored.tokens.sum())
        return {
            "id": f"score-{uuid.uuid4().hex}",
            "object": "list",
            "created": int(time.time()),
            "model": model,
            "data": [{"index": i, "object": "score", "score": score} for i, score in enumerate(values.tolist())],
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens, "completion_tokens": 0},
        }


ROUTES: dict[str, type[Request] | None] = {
    "/v1/rerank": CohereRequestV1,
    "/v2/rerank": CohereRequest,
    "/rerank": None,  # the body decides, see `shape_of`
    "/": TeiRequest,  # as there, for a server whose model is a reranker
    "/score": VllmRequest,
    "/v1/score": VllmRequest,
}


def shape_of(value: dict[str, Any]) -> type[Request]:
    """The format of a body for `/rerank`: vLLM's has `documents`, as Cohere's; Text Embeddings Inference's has `texts`.

    Raises:
        Refused: it has both or neither.
    """
    documents, tei = "documents" in value, "texts" in value
    if documents == tei:
        which = "both documents and texts are" if documents else "neither documents nor texts is"
        raise Refused(422, f"{which} given; send one of them, a list of strings")
    return VllmRerankRequest if documents else TeiRequest


def _ranked(scores: np.ndarray, values: np.ndarray) -> Sequence[tuple[int, float]]:
    """(index, value) in the order of `best_first`."""
    order = best_first(scores)
    return list(zip(order.tolist(), values[order].tolist(), strict=True))
