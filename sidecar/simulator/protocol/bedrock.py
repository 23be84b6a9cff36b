"""Bedrock's runtime: Converse, and invocation with Anthropic's messages inside."""

from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import orjson

from sidecar.simulator.protocol import anthropic, eventstream
from sidecar.simulator.protocol.ask import Answer, Ask, Body, Script, count, model_of, required
from sidecar.simulator.protocol.framing import Framing
from sidecar.simulator.protocol.prefix import marked_prompt
from sidecar.simulator.protocol.refusal import Refusal, RefusedError, Trouble
from sidecar.simulator.protocol.style import Header, Style, Told
from sidecar.simulator.protocol.surface import Paths, Surface
from sidecar.simulator.protocol.text import prompt

_THROTTLED = "ThrottlingException"
_VALIDATION = "ValidationException"
_INTERNAL = "InternalServerException"

_REFUSALS: Mapping[Trouble, Refusal] = {
    Trouble.RATE: Refusal(429, _THROTTLED, None, "Too many requests, please wait."),
    Trouble.RAMP: Refusal(429, _THROTTLED, None, "Too many tokens, please wait."),
    Trouble.QUOTA: Refusal(400, "ServiceQuotaExceededException", None, "Quota exceeded."),
    Trouble.BILLING: Refusal(402, "AccessDeniedException", None, "The account is not in order."),
    Trouble.OVERLOAD: Refusal(503, "ServiceUnavailableException", None, "Try again later."),
    Trouble.TOO_LARGE: Refusal(400, _VALIDATION, None, "Input is too long."),
    Trouble.SERVER_ERROR: Refusal(500, _INTERNAL, None, "Internal server error."),
    Trouble.BAD_GATEWAY: Refusal(502, _INTERNAL, None, "Bad gateway."),
    Trouble.GATEWAY_TIMEOUT: Refusal(504, _INTERNAL, None, "Gateway timeout."),
    Trouble.REQUEST_TIMEOUT: Refusal(408, "ModelTimeoutException", None, "Model timed out."),
    Trouble.CONFLICT: Refusal(409, "ConflictException", None, "Conflict."),
    Trouble.BAD_REQUEST: Refusal(400, _VALIDATION, None, "Malformed input request."),
    Trouble.UNPROCESSABLE: Refusal(422, _VALIDATION, None, "Unprocessable."),
    Trouble.UNAUTHORIZED: Refusal(
        403, "UnrecognizedClientException", None, "The security token is invalid."
    ),
    Trouble.FORBIDDEN: Refusal(403, "AccessDeniedException", None, "Not authorized."),
    Trouble.NOT_FOUND: Refusal(404, "ResourceNotFoundException", None, "Model not found."),
    Trouble.WRONG_METHOD: Refusal(405, "UnknownOperationException", None, "Unknown operation."),
}


def _shape(refusal: Refusal, _told: Told) -> Mapping[str, Any]:
    return {"message": refusal.message}


def _error_headers(refusal: Refusal) -> tuple[Header, ...]:
    return (("x-amzn-errortype", refusal.type),)


BEDROCK = Style(
    name="bedrock",
    refusals=_REFUSALS,
    shape=_shape,
    id_header="x-amzn-requestid",
    error_headers=_error_headers,
)


def _exception(style: Style, refusal: Refusal, told: Told) -> bytes:
    # In frames the same names begin with a small letter.
    name = refusal.type[:1].lower() + refusal.type[1:]
    return eventstream.exception(name, style.shape(refusal, told))


FRAMES = Framing(content_type=eventstream.CONTENT_TYPE, error=_exception)


def _read_converse(body: Body, path_model: str | None) -> Ask:
    return _converse(body, path_model, stream=False)


def _read_converse_stream(body: Body, path_model: str | None) -> Ask:
    return _converse(body, path_model, stream=True)


def _converse(body: Body, path_model: str | None, *, stream: bool) -> Ask:
    config = body.get("inferenceConfig") or {}
    if not isinstance(config, dict):
        raise RefusedError(Trouble.BAD_REQUEST, "inferenceConfig must be an object.")
    system, messages = body.get("system"), required(body, "messages", list)
    marked = marked_prompt(None, _marked(system), [_marked_message(item) for item in messages])
    said, prefixes = marked or (prompt(system, messages), ())
    return Ask(
        model=model_of({}, path_model),
        prompt=said,
        max_tokens=count(config, "maxTokens"),
        stream=stream,
        prefixes=prefixes,
    )


def _marked_message(message: object) -> object:
    if not isinstance(message, dict):
        return message
    return {**message, "content": _marked(message.get("content"))}


def _marked(blocks: object) -> object:
    """The blocks with Anthropic's marks where a `cachePoint` stands behind them."""
    if not isinstance(blocks, list):
        return blocks
    marked: list[object] = []
    for block in blocks:
        point = block.get("cachePoint") if isinstance(block, dict) else None
        if point is None:
            marked.append(block)
        elif marked and isinstance(marked[-1], dict):
            marked[-1] = {**marked[-1], "cache_control": point}
    return marked


def _whole_converse(ask: Ask, answer: Answer) -> bytes:
    message = {"role": "assistant", "content": [{"text": answer.text}]}
    document = {
        "output": {"message": message},
        "stopReason": _stop(answer),
        **answer.tells("usage", _usage(ask, answer)),
        "metrics": {"latencyMs": 10},
    }
    return orjson.dumps(document)


def _stream_converse(ask: Ask, answer: Answer) -> Script:
    told = answer.tells("usage", _usage(ask, answer))
    ended = (
        eventstream.event("contentBlockStop", {"contentBlockIndex": 0}),
        eventstream.event("messageStop", {"stopReason": _stop(answer)}),
        eventstream.event("metadata", {**told, "metrics": {"latencyMs": 10}}),
    )
    return Script(
        eventstream.event("messageStart", {"role": "assistant"}),
        [
            eventstream.event(
                "contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": word.decode()}}
            )
            for word in answer.words
        ],
        b"".join(ended),
    )


def _usage(ask: Ask, answer: Answer) -> Mapping[str, Any]:
    read, written = ask.prompt.tokens, answer.output
    cached, stored = answer.cache.read, answer.cache.written
    figures = {
        "inputTokens": read - cached - stored,
        "outputTokens": written,
        "totalTokens": read + written,
    }
    if cached or ask.prefixes:
        figures |= {"cacheReadInputTokens": cached, "cacheWriteInputTokens": stored}
    return figures


def _stop(answer: Answer) -> str:
    return "max_tokens" if answer.cut else "end_turn"


def _read_invoke(body: Body, path_model: str | None) -> Ask:
    return anthropic.read_message({**body, "model": path_model, "stream": False}, None)


def _read_invoke_stream(body: Body, path_model: str | None) -> Ask:
    return anthropic.read_message({**body, "model": path_model, "stream": True}, None)


def _stream_invoke(ask: Ask, answer: Answer) -> Script:
    script = anthropic.stream_message(ask, answer)
    return Script(
        _chunks(script.opening),
        [_chunks(piece) for piece in script.pieces],
        _chunks(script.closing),
    )


def _chunks(events: bytes) -> bytes:
    """Anthropic's events, each in a frame of its own."""
    documents = (line[6:] for line in events.splitlines() if line.startswith(b"data: "))
    return b"".join(
        eventstream.event("chunk", {"bytes": b64encode(document).decode()})
        for document in documents
    )


PATHS: Paths = {
    "/model/{model}/converse": Surface(BEDROCK, _read_converse, _whole_converse),
    "/model/{model}/converse-stream": Surface(
        BEDROCK, _read_converse_stream, _whole_converse, _stream_converse, FRAMES
    ),
    "/model/{model}/invoke": Surface(BEDROCK, _read_invoke, anthropic.whole_message),
    "/model/{model}/invoke-with-response-stream": Surface(
        BEDROCK, _read_invoke_stream, anthropic.whole_message, _stream_invoke, FRAMES
    ),
}
