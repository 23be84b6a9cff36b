"""Google's Gemini API, and the same behind Vertex AI's paths, Claude's messages there included."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from sidecar.simulator.protocol import anthropic
from sidecar.simulator.protocol.ask import (
    Answer,
    Ask,
    Body,
    Script,
    count,
    event,
    model_of,
    required,
)
from sidecar.simulator.protocol.embeddings import embeddings_ask
from sidecar.simulator.protocol.flaws import flawed_vectors
from sidecar.simulator.protocol.framing import PLAIN_EVENTS, Framing
from sidecar.simulator.protocol.refusal import Refusal, RefusedError, Trouble
from sidecar.simulator.protocol.style import Style, Told
from sidecar.simulator.protocol.surface import Paths, Surface
from sidecar.simulator.protocol.text import prompt, vector_floats

_DIMENSIONS = 3072
_MAX_REQUESTS = 100  # Google's own
_NEXT = b",\r\n"
_EXHAUSTED = "Resource has been exhausted (e.g. check quota)."
_TYPES = "type.googleapis.com/google.rpc."
_PER_MINUTE, _PER_DAY = "PerMinute", "PerDay"

_REFUSALS: Mapping[Trouble, Refusal] = {
    Trouble.RATE: Refusal(429, "RESOURCE_EXHAUSTED", _PER_MINUTE, _EXHAUSTED),
    Trouble.RAMP: Refusal(429, "RESOURCE_EXHAUSTED", None, "Resource exhausted. Try again later."),
    Trouble.QUOTA: Refusal(429, "RESOURCE_EXHAUSTED", _PER_DAY, _EXHAUSTED),
    Trouble.BILLING: Refusal(402, "FAILED_PRECONDITION", None, "Billing is not enabled."),
    Trouble.OVERLOAD: Refusal(503, "UNAVAILABLE", None, "The model is overloaded."),
    Trouble.TOO_LARGE: Refusal(400, "INVALID_ARGUMENT", None, "Request payload size too large."),
    Trouble.SERVER_ERROR: Refusal(500, "INTERNAL", None, "An internal error has occurred."),
    Trouble.BAD_GATEWAY: Refusal(502, "INTERNAL", None, "Bad gateway."),
    Trouble.GATEWAY_TIMEOUT: Refusal(504, "DEADLINE_EXCEEDED", None, "Deadline expired."),
    Trouble.REQUEST_TIMEOUT: Refusal(408, "DEADLINE_EXCEEDED", None, "Request timed out."),
    Trouble.CONFLICT: Refusal(409, "ABORTED", None, "The operation was aborted."),
    Trouble.BAD_REQUEST: Refusal(400, "INVALID_ARGUMENT", None, "Invalid argument."),
    Trouble.UNPROCESSABLE: Refusal(422, "INVALID_ARGUMENT", None, "Unprocessable."),
    Trouble.UNAUTHORIZED: Refusal(401, "UNAUTHENTICATED", None, "API key not valid."),
    Trouble.FORBIDDEN: Refusal(403, "PERMISSION_DENIED", None, "Permission denied."),
    Trouble.NOT_FOUND: Refusal(404, "NOT_FOUND", None, "Not found."),
    Trouble.WRONG_METHOD: Refusal(405, "UNIMPLEMENTED", None, "Method not allowed."),
}
"""`code` is the span of the quota that is used up."""


def _shape(refusal: Refusal, told: Told) -> Mapping[str, Any]:
    error: dict[str, Any] = {
        "code": refusal.status,
        "message": refusal.message,
        "status": refusal.type,
    }
    details = [*_quota_failure(refusal), *_retry_info(told)]
    if details:
        error["details"] = details
    return {"error": error}


def _quota_failure(refusal: Refusal) -> Sequence[Mapping[str, Any]]:
    if refusal.code is None:
        return ()
    violation = {
        "quotaMetric": "generativelanguage.googleapis.com/generate_content_requests",
        "quotaId": f"GenerateRequests{refusal.code}PerProjectPerModel",
        "quotaValue": "10",
    }
    return ({"@type": f"{_TYPES}QuotaFailure", "violations": [violation]},)


def _retry_info(told: Told) -> Sequence[Mapping[str, Any]]:
    if told.retry_after is None:
        return ()
    delay = f"{told.retry_after:.3f}".rstrip("0").rstrip(".")
    return ({"@type": f"{_TYPES}RetryInfo", "retryDelay": f"{delay}s"},)


GEMINI = Style(
    name="gemini",
    refusals=_REFUSALS,
    shape=_shape,
    id_header="x-goog-request-id",
    fixed_headers=(("server", "scaffolding on HTTPServer2"),),
)


def _array_error(style: Style, refusal: Refusal, told: Told) -> bytes:
    return _NEXT + style.error_body(refusal, told) + b"]"


JSON_ARRAY = Framing(content_type="application/json; charset=UTF-8", error=_array_error)
"""One JSON document that grows: an array of what the events would be."""


def _read(body: Body, path_model: str | None) -> Ask:
    contents = required(body, "contents", list)
    config = body.get("generationConfig") or {}
    if not isinstance(config, dict):
        raise _wrong("generationConfig")
    return Ask(
        model=model_of({}, path_model),
        prompt=prompt(body.get("systemInstruction"), contents),
        max_tokens=count(config, "maxOutputTokens"),
    )


def _read_stream(body: Body, path_model: str | None) -> Ask:
    asked = _read(body, path_model)
    return Ask(model=asked.model, prompt=asked.prompt, max_tokens=asked.max_tokens, stream=True)


def _read_count(body: Body, path_model: str | None) -> Ask:
    # The contents stand alone, or in a whole request as it would be sent.
    inner = body.get("generateContentRequest") or body
    return _read(inner if isinstance(inner, dict) else {}, path_model)


def _read_batch(body: Body, path_model: str | None) -> Ask:
    requests = required(body, "requests", list)
    if len(requests) > _MAX_REQUESTS:
        raise RefusedError(
            Trouble.BAD_REQUEST,
            f"BatchEmbedContentsRequest.requests: at most {_MAX_REQUESTS} requests can be in one"
            " batch",
        )
    return _embeddings(requests, path_model)


def _read_one(body: Body, path_model: str | None) -> Ask:
    return _embeddings([body], path_model)


def _embeddings(requests: Sequence[object], path_model: str | None) -> Ask:
    bodies = [item for item in requests if isinstance(item, dict) and item.get("content")]
    if len(bodies) < len(requests):
        raise _wrong("content")
    return embeddings_ask(
        model_of({}, path_model),
        [(prompt(item["content"]), orjson.dumps(item["content"])) for item in bodies],
        dimensions=count(bodies[0], "outputDimensionality") or _DIMENSIONS,
    )


def _wrong(field: str) -> RefusedError:
    return RefusedError(Trouble.BAD_REQUEST, f"Invalid value at '{field}'.", param=field)


def _whole(ask: Ask, answer: Answer) -> bytes:
    return orjson.dumps(_document(ask, answer, answer.text, len(answer.words), _finish(answer)))


def _whole_count(ask: Ask, _answer: Answer) -> bytes:
    return orjson.dumps({"totalTokens": ask.prompt.tokens})


def _whole_batch(ask: Ask, answer: Answer) -> bytes:
    return orjson.dumps({"embeddings": flawed_vectors(answer.vectors_flaw, _vectors(ask))})


def _whole_one(ask: Ask, _answer: Answer) -> bytes:
    return orjson.dumps({"embedding": _vectors(ask)[0]})


def _vectors(ask: Ask) -> Sequence[Mapping[str, Any]]:
    wanted = ask.vectors
    return [{"values": vector_floats(seed, wanted.dimensions)} for seed in wanted.inputs]


def _stream(ask: Ask, answer: Answer) -> Script:
    first, *rest = [event(document) for document in _documents(ask, answer)]
    return Script(first, rest[:-1], rest[-1])


def _stream_array(ask: Ask, answer: Answer) -> Script:
    first, *rest = [orjson.dumps(document) for document in _documents(ask, answer)]
    return Script(b"[" + first, [_NEXT + piece for piece in rest[:-1]], _NEXT + rest[-1] + b"]")


def _documents(ask: Ask, answer: Answer) -> Sequence[Mapping[str, Any]]:
    """An empty one, one per word, and one that says why the words end; usage in all of them."""
    words = [
        _document(ask, answer, word.decode(), number) for number, word in enumerate(answer.words, 1)
    ]
    last = _document(ask, answer, "", len(answer.words), _finish(answer))
    return [_document(ask, answer, "", 0), *words, last]


def _document(
    ask: Ask, answer: Answer, text: str, written: int, finish: str | None = None
) -> Mapping[str, Any]:
    candidate: dict[str, Any] = {
        "content": {"role": "model", "parts": [{"text": text}]},
        "index": 0,
    }
    if finish is not None:
        candidate["finishReason"] = finish
    return {
        "candidates": [candidate],
        **answer.tells("usageMetadata", _usage(ask, answer, written)),
        "modelVersion": ask.model,
        "responseId": answer.id,
    }


def _usage(ask: Ask, answer: Answer, written: int) -> Mapping[str, Any]:
    figures = {
        "promptTokenCount": ask.prompt.tokens,
        "candidatesTokenCount": written,
        "totalTokenCount": ask.prompt.tokens + written + answer.reasoning,
    }
    if answer.cache.read:
        figures["cachedContentTokenCount"] = answer.cache.read
    if answer.reasoning:
        figures["thoughtsTokenCount"] = answer.reasoning
    return figures


def _finish(answer: Answer) -> str:
    return "MAX_TOKENS" if answer.cut else "STOP"


def _calls(place: str) -> Paths:
    array = Surface(GEMINI, _read_stream, _whole, _stream_array, JSON_ARRAY)
    return {
        f"{place}:generateContent": Surface(GEMINI, _read, _whole),
        f"{place}:streamGenerateContent": Surface(
            GEMINI, _read_stream, _whole, _stream, PLAIN_EVENTS, without_sse=array
        ),
        f"{place}:countTokens": Surface(GEMINI, _read_count, _whole_count, counted=False),
        f"{place}:embedContent": Surface(GEMINI, _read_one, _whole_one),
        f"{place}:batchEmbedContents": Surface(GEMINI, _read_batch, _whole_batch),
    }


def _read_claude(body: Body, path_model: str | None) -> Ask:
    return anthropic.read_message({**body, "model": path_model}, None)


_CLAUDE = Surface(GEMINI, _read_claude, anthropic.whole_message, anthropic.stream_message)
_PUBLISHERS = "/v1/projects/{any}/locations/{any}/publishers"
GEMINI_PATHS: Paths = {**_calls("/v1beta/models/{model}"), **_calls("/v1/models/{model}")}
VERTEX_PATHS: Paths = {
    **_calls(f"{_PUBLISHERS}/google/models/{{model}}"),
    **_calls(f"{_PUBLISHERS.replace('/v1/', '/v1beta1/')}/google/models/{{model}}"),
    f"{_PUBLISHERS}/anthropic/models/{{model}}:rawPredict": _CLAUDE,
    f"{_PUBLISHERS}/anthropic/models/{{model}}:streamRawPredict": _CLAUDE,
}
