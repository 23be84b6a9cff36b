"""Anthropic's messages, token counts and models."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
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
from sidecar.simulator.protocol.prefix import marked_prompt
from sidecar.simulator.protocol.refusal import RefusedError, Trouble
from sidecar.simulator.protocol.text import prompt

PING = event({"type": "ping"}, name="ping")


def read_message(body: Body, path_model: str | None) -> Ask:
    """A request for a message."""
    most = count(body, "max_tokens")
    if most is None:
        raise RefusedError(Trouble.BAD_REQUEST, "max_tokens: Field required", param="max_tokens")
    asked = read_count(body, path_model)
    return replace(asked, max_tokens=most, stream=flag(body, "stream"))


def read_count(body: Body, path_model: str | None) -> Ask:
    """A request for a count of tokens."""
    system, messages = body.get("system"), required(body, "messages", list)
    said, prefixes = marked_prompt(body.get("tools"), system, messages) or (
        prompt(system, messages),
        (),
    )
    return Ask(model=model_of(body, path_model), prompt=said, max_tokens=0, prefixes=prefixes)


def whole_message(ask: Ask, answer: Answer) -> bytes:
    """A message."""
    return orjson.dumps(
        {
            **_message(ask, answer),
            "content": [{"type": "text", "text": answer.text}],
            "stop_reason": _stop(answer),
            **answer.tells("usage", _usage(ask, answer, answer.output)),
        }
    )


def whole_count(ask: Ask, answer: Answer) -> bytes:  # noqa: ARG001  # same seam as the others
    """A count of input tokens."""
    return orjson.dumps({"input_tokens": ask.prompt.tokens})


def stream_message(ask: Ask, answer: Answer) -> Script:
    """The same as events; `message_delta` carries the usage so far."""
    # One output token is already counted in message_start, as the real ones do.
    first = _usage(ask, answer, min(1, answer.output))
    start = {**_message(ask, answer), **answer.tells("usage", first)}
    block = {"type": "text", "text": ""}
    opening = (
        _event("message_start", message=start),
        _event("content_block_start", index=0, content_block=block),
        PING,
    )
    delta = {"stop_reason": _stop(answer), "stop_sequence": None}
    used = _usage_so_far(ask, answer, answer.output)
    closing = (
        _event("content_block_stop", index=0),
        _event("message_delta", delta=delta, **answer.tells("usage", used)),
        _event("message_stop"),
    )
    return Script(b"".join(opening), _deltas(answer.words), b"".join(closing))


def _deltas(words: Sequence[bytes]) -> list[bytes]:
    head = (
        b"event: content_block_delta\n"
        b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"'
    )
    return [b'%b%b"}}\n\n' % (head, word) for word in words]


def _event(name: str, **fields: Any) -> bytes:
    return event({"type": name, **fields}, name=name)


def _message(ask: Ask, answer: Answer) -> dict[str, Any]:
    return {
        "id": f"msg_{answer.id}",
        "type": "message",
        "role": "assistant",
        "model": ask.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _usage(ask: Ask, answer: Answer, output_tokens: int) -> Mapping[str, Any]:
    used = {**_usage_so_far(ask, answer, output_tokens), "service_tier": "standard"}
    if ask.prefixes:
        written = answer.cache.written
        used["cache_creation"] = {
            "ephemeral_5m_input_tokens": written - answer.cache.written_1h,
            "ephemeral_1h_input_tokens": answer.cache.written_1h,
        }
    return used


def _usage_so_far(ask: Ask, answer: Answer, output_tokens: int) -> dict[str, Any]:
    cache = answer.cache
    used: dict[str, Any] = {
        "input_tokens": ask.prompt.tokens - cache.read - cache.written,
        "cache_creation_input_tokens": cache.written,
        "cache_read_input_tokens": cache.read,
        "output_tokens": output_tokens,
    }
    if answer.reasoning:
        used["output_tokens_details"] = {"thinking_tokens": min(answer.reasoning, output_tokens)}
    return used


def _stop(answer: Answer) -> str:
    return "max_tokens" if answer.cut else "end_turn"


def models(names: Sequence[str]) -> bytes:
    """The list of models."""
    first, last = (names[0], names[-1]) if names else (None, None)
    data = [_model(name) for name in names]
    return orjson.dumps({"data": data, "has_more": False, "first_id": first, "last_id": last})


def model(name: str) -> bytes:
    """One model."""
    return orjson.dumps(_model(name))


def _model(name: str) -> Mapping[str, Any]:
    return {
        "type": "model",
        "id": name,
        "display_name": name,
        "created_at": "2024-01-01T00:00:00Z",
        "lifecycle": "active",
    }
