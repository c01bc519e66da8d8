"""What clients of the three services expect besides scores: errors in the service's form, and facts about a server."""

import time
from typing import Any

from lce_tf import __version__
from lce_tf.serving.refused import Refused
from lce_tf.serving.settings import Limits

COHERE, TEI, VLLM = "cohere", "tei", "vllm"
# Path -> service, for requests whose body was not read.
_BY_PATH = {"/v1/rerank": COHERE, "/v2/rerank": COHERE, "/rerank": TEI, "/": TEI, "/score": VLLM, "/v1/score": VLLM}
_BY_PATH |= {"/info": TEI, "/v1/models": VLLM}
# Text Embeddings Inference's names of faults; all others are of the kind "Validation".
_TEI_TYPES = {429: "Overloaded", 500: "Backend", 503: "Unhealthy", 504: "Overloaded", 401: "Unauthorized"}
_VLLM_TYPES = {401: "Unauthorized", 404: "NotFoundError", 429: "RateLimitError", 503: "ServiceUnavailableError"}
# Service -> our status -> the status that the service has for it.
_STATUSES = {COHERE: {422: 400}, TEI: {500: 424}, VLLM: {422: 400}}


def error_answer(refused: Refused, path: str, dialect: str | None = None) -> tuple[int, dict[str, Any]]:
    """The status and the JSON that answer a refused request, as the client's service has them.

    Cohere's have a `message`, Text Embeddings Inference's an `error` and its `error_type`, vLLM's an `error` that is an
    object. A request of no service gets an `error` alone. A wrong field is 400 at Cohere and vLLM, 422 at TEI; a
    model that fails is 424 at TEI, 500 at the others.

    Args:
        path: the request's path.
        dialect: the service that the request is for, if its body was read; None: the path decides.
    """
    kind = dialect or _BY_PATH.get(path)
    status = _STATUSES.get(kind, {}).get(refused.status, refused.status)
    if kind == COHERE:
        return status, {"message": refused.line}
    if kind == TEI:
        return status, {"error": refused.line, "error_type": _TEI_TYPES.get(refused.status, "Validation")}
    if kind == VLLM:
        name = _VLLM_TYPES.get(status, "BadRequestError" if status < 500 else "InternalServerError")
        return status, {"error": {"message": refused.line, "type": name, "param": None, "code": status}}
    return status, {"error": refused.line}


def info(model: str, limits: Limits, longest: int | None, precision: str, sha256: str | None = None) -> dict[str, Any]:
    """The answer of Text Embeddings Inference's `/info` for a reranker.

    Args:
        longest: maximum tokens of a pair that the model reads; None: unknown.
        precision: the engine's; products in bfloat16 count as "bfloat16", as mixed precision does.
        sha256: of the model's weights; None: unknown.
    """
    return {
        "model_id": model,
        "model_sha": sha256,
        "model_dtype": precision.rpartition("_")[2],
        "model_type": {"reranker": {"id2label": {"0": "LABEL_0"}, "label2id": {"LABEL_0": 0}}},
        "max_concurrent_requests": limits.max_connections,
        "max_input_length": longest,
        "max_batch_tokens": None if longest is None else longest * limits.max_batch_pairs,
        "max_batch_requests": None,
        "max_client_batch_size": limits.max_pairs,
        "auto_truncate": True,
        "tokenization_workers": 1,
        "version": __version__,
        "sha": None,
        "docker_label": None,
    }


def models(model: str, longest: int | None, created: int | None = None) -> dict[str, Any]:
    """The answer of vLLM's `/v1/models`: the one model that is served.

    Args:
        longest: see `info`.
        created: seconds since 1970; now if left out.
    """
    one = {"id": model, "object": "model", "created": int(time.time()) if created is None else created}
    one |= {"owned_by": "lce_tf", "root": model, "parent": None, "max_model_len": longest, "permission": []}
    return {"object": "list", "data": [one]}
