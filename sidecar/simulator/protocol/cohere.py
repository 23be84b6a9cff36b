"""Cohere's second API: chat and embeddings."""

from collections.abc import Mapping
from typing import Any

import orjson

from sidecar.simulator.protocol.ask import (
    Answer,
    Ask,
    Body,
    Embeddings,
    Script,
    count,
    event,
    flag,
    model_of,
    required,
)
from sidecar.simulator.protocol.framing import Framing
from sidecar.simulator.protocol.refusal import (
    OPENAI_REFUSALS,
    Refusal,
    RefusedError,
    Trouble,
)
from sidecar.simulator.protocol.style import Style, Told, seconds_hint
from sidecar.simulator.protocol.surface import Paths, Surface
from sidecar.simulator.protocol.text import Prompt, prompt, vector_base64, vector_floats

_MAX_INPUTS = 96  # Cohere's own
_DIMENSIONS = 1536
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
        "usage": _usage(ask, answer),
    }
    return orjson.dumps(document)


def _stream_chat(ask: Ask, answer: Answer) -> Script:
    start = {"message": {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": []}}
    block = {"message": {"content": {"type": "text", "text": ""}}}
    end = {"finish_reason": _finish(answer), "usage": _usage(ask, answer)}
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
    counted = {"input_tokens": ask.prompt.tokens, "output_tokens": len(answer.words)}
    return {"billed_units": counted, "tokens": counted}


def _read_embed(body: Body, path_model: str | None) -> Ask:
    texts = required(body, "texts", list)
    if len(texts) > _MAX_INPUTS or not all(isinstance(text, str) for text in texts):
        raise RefusedError(Trouble.BAD_REQUEST, f"texts must be at most {_MAX_INPUTS} strings")
    prompts = [prompt(text) for text in texts]
    return Ask(
        model=model_of(body, path_model),
        prompt=Prompt(prompts[0].seed, sum(part.tokens for part in prompts)),
        max_tokens=0,
        embeddings=Embeddings(
            inputs=[text.encode() for text in texts],
            dimensions=count(body, "output_dimension") or _DIMENSIONS,
            base64="base64" in (body.get("embedding_types") or ()),
        ),
    )


def _whole_embed(ask: Ask, answer: Answer) -> bytes:
    wanted = ask.vectors
    make = vector_base64 if wanted.base64 else vector_floats
    kind = "base64" if wanted.base64 else "float"
    document = {
        "id": answer.id,
        "response_type": "embeddings_by_type",
        "embeddings": {kind: [make(seed, wanted.dimensions) for seed in wanted.inputs]},
        "texts": [text.decode() for text in wanted.inputs],
        "meta": {
            "api_version": {"version": "2"},
            "billed_units": {"input_tokens": ask.prompt.tokens},
        },
    }
    return orjson.dumps(document)


PATHS: Paths = {
    "/v2/chat": Surface(COHERE, _read_chat, _whole_chat, _stream_chat, EVENTS),
    "/v2/embed": Surface(COHERE, _read_embed, _whole_embed),
}
