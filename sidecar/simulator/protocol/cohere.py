"""Cohere's second API: chat; embeddings and rerank, whose first API is as much in use."""

from collections.abc import Mapping
from typing import Any

import orjson

from sidecar.simulator.protocol.ask import (
    Answer,
    Ask,
    Body,
    Script,
    count,
    event,
    flag,
    model_of,
    required,
)
from sidecar.simulator.protocol.cohere_embed import read_embed, whole_embed, whole_embed_v1
from sidecar.simulator.protocol.framing import Framing
from sidecar.simulator.protocol.refusal import (
    OPENAI_REFUSALS,
    Refusal,
    Trouble,
)
from sidecar.simulator.protocol.rerank import read_rerank, whole_rerank
from sidecar.simulator.protocol.style import Style, Told, seconds_hint
from sidecar.simulator.protocol.surface import Paths, Surface
from sidecar.simulator.protocol.text import prompt

_TRIAL = "You are using a Trial key, which is limited to 1000 API calls / month."


def _shape(refusal: Refusal, told: Told) -> Mapping[str, Any]:
    return {"id": told.request_id, "message": refusal.message}


COHERE = Style(
    name="cohere",
    refusals={
        **OPENAI_REFUSALS,
        Trouble.RATE: Refusal(429, "", None, "Rate limit exceeded. Please wait and try again."),
        Trouble.QUOTA: Refusal(429, "", None, _TRIAL),
    },
    shape=_shape,
    id_header="x-debug-trace-id",
    time_header="x-envoy-upstream-service-time",
    hint=seconds_hint,
)


def _error_event(_style: Style, refusal: Refusal, told: Told) -> bytes:
    """The message ends, with an error for a reason."""
    delta = {"finish_reason": "ERROR", "error": refusal.message}
    return _event("message-end", id=told.request_id, delta=delta)


EVENTS = Framing(content_type="text/event-stream", comment=b": keep-alive\n\n", error=_error_event)


def _read_chat(body: Body, path_model: str | None) -> Ask:
    return Ask(
        model=model_of(body, path_model),
        prompt=prompt(required(body, "messages", list)),
        max_tokens=count(body, "max_tokens"),
        stream=flag(body, "stream"),
    )


def _whole_chat(ask: Ask, answer: Answer) -> bytes:
    content = [{"type": "text", "text": answer.text}]
    document = {
        "id": answer.id,
        "finish_reason": _finish(answer),
        "message": {"role": "assistant", "content": content},
        **answer.tells("usage", _usage(ask, answer)),
    }
    return orjson.dumps(document)


def _stream_chat(ask: Ask, answer: Answer) -> Script:
    start = {"message": {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": []}}
    block = {"message": {"content": {"type": "text", "text": ""}}}
    end = {"finish_reason": _finish(answer), **answer.tells("usage", _usage(ask, answer))}
    return Script(
        _event("message-start", id=answer.id, delta=start)
        + _event("content-start", index=0, delta=block),
        [
            _event(
                "content-delta", index=0, delta={"message": {"content": {"text": word.decode()}}}
            )
            for word in answer.words
        ],
        _event("content-end", index=0) + _event("message-end", id=answer.id, delta=end),
    )


def _event(kind: str, **fields: Any) -> bytes:
    return event({"type": kind, **fields}, name=kind)


def _finish(answer: Answer) -> str:
    return "MAX_TOKENS" if answer.cut else "COMPLETE"


def _usage(ask: Ask, answer: Answer) -> Mapping[str, Any]:
    counted = {"input_tokens": ask.prompt.tokens, "output_tokens": answer.output}
    figures: dict[str, Any] = {"billed_units": counted, "tokens": counted}
    if answer.cache.read:
        figures["cached_tokens"] = answer.cache.read
    return figures


PATHS: Paths = {
    "/v2/chat": Surface(COHERE, _read_chat, _whole_chat, _stream_chat, EVENTS),
    "/v1/embed": Surface(COHERE, read_embed, whole_embed_v1),
    "/v2/embed": Surface(COHERE, read_embed, whole_embed),
    "/v1/rerank": Surface(COHERE, read_rerank, whole_rerank),
    "/v2/rerank": Surface(COHERE, read_rerank, whole_rerank),
}
