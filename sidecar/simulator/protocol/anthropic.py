"""Anthropic's messages, token counts and models."""

from collections.abc import Mapping, Sequence
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
from sidecar.simulator.protocol.refusal import RefusedError, Trouble
from sidecar.simulator.protocol.text import prompt

PING = event({"type": "ping"}, name="ping")


def read_message(body: Body, path_model: str | None) -> Ask:
    """A request for a message."""
    most = count(body, "max_tokens")
    if most is None:
        raise RefusedError(Trouble.BAD_REQUEST, "max_tokens: Field required", param="max_tokens")
    asked = read_count(body, path_model)
    return Ask(model=asked.model, prompt=asked.prompt, max_tokens=most, stream=flag(body, "stream"))


def read_count(body: Body, path_model: str | None) -> Ask:
    """A request for a count of tokens."""
    messages = required(body, "messages", list)
    return Ask(
        model=model_of(body, path_model), prompt=prompt(body.get("system"), messages), max_tokens=0
    )


def whole_message(ask: Ask, answer: Answer) -> bytes:
    """A message."""
    return orjson.dumps(
        {
            **_message(ask, answer),
            "content": [{"type": "text", "text": answer.text}],
            "stop_reason": _stop(answer),
            "usage": _usage(ask, len(answer.words)),
        }
    )


def whole_count(ask: Ask, answer: Answer) -> bytes:  # noqa: ARG001  # same seam as the others
    """A count of input tokens."""
    return orjson.dumps({"input_tokens": ask.prompt.tokens})


def stream_message(ask: Ask, answer: Answer) -> Script:
    """The same as events; `message_delta` carries the usage so far."""
    # One output token is already counted in message_start, as the real ones do.
    start = {**_message(ask, answer), "usage": _usage(ask, min(1, len(answer.words)))}
    block = {"type": "text", "text": ""}
    opening = (
        _event("message_start", message=start),
        _event("content_block_start", index=0, content_block=block),
        PING,
    )
    delta = {"stop_reason": _stop(answer), "stop_sequence": None}
    closing = (
        _event("content_block_stop", index=0),
        _event("message_delta", delta=delta, usage=_usage_so_far(ask, len(answer.words))),
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


def _usage(ask: Ask, output_tokens: int) -> Mapping[str, Any]:
    return {**_usage_so_far(ask, output_tokens), "service_tier": "standard"}


def _usage_so_far(ask: Ask, output_tokens: int) -> Mapping[str, Any]:
    return {
        "input_tokens": ask.prompt.tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": output_tokens,
    }


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
