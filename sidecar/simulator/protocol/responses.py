"""OpenAI's responses API, as much of it as a text answer needs."""

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
from sidecar.simulator.protocol.prefix import keyed_prefix
from sidecar.simulator.protocol.text import prompt

_DELTA = "response.output_text.delta"


def read_response(body: Body, path_model: str | None) -> Ask:
    """A request for a response."""
    given = required(body, "input", (str, list))
    first = body.get("instructions") or (given if isinstance(given, str) else given[0])
    return Ask(
        model=model_of(body, path_model),
        prompt=prompt(body.get("instructions"), given),
        max_tokens=count(body, "max_output_tokens"),
        stream=flag(body, "stream"),
        prefixes=keyed_prefix(body.get("prompt_cache_key"), first),
    )


def whole_response(ask: Ask, answer: Answer) -> bytes:
    """A response."""
    return orjson.dumps(_finished(ask, answer))


def stream_response(ask: Ask, answer: Answer) -> Script:
    """The same as events, numbered throughout."""
    begun = _document(ask, answer, "in_progress")
    opening = (
        ("response.created", {"response": begun}),
        ("response.in_progress", {"response": begun}),
        ("response.output_item.added", {"output_index": 0, "item": _item(answer, "in_progress")}),
        ("response.content_part.added", {**_place(answer), "part": _part("")}),
    )
    closing = (
        ("response.output_text.done", {**_place(answer), "text": answer.text, "logprobs": []}),
        ("response.content_part.done", {**_place(answer), "part": _part(answer.text)}),
        (
            "response.output_item.done",
            {"output_index": 0, "item": _item(answer, "completed", answer.text)},
        ),
        (_last_event(answer), {"response": _finished(ask, answer)}),
    )
    first_word = len(opening)
    return Script(
        _events(opening, 0),
        _deltas(answer, first_word),
        _events(closing, first_word + len(answer.words)),
    )


def _deltas(answer: Answer, start: int) -> list[bytes]:
    place = orjson.dumps({**_place(answer), "logprobs": []})[1:-1]
    head = b'event: %b\ndata: {"type":"%b",%b,"sequence_number":' % (
        _DELTA.encode(),
        _DELTA.encode(),
        place,
    )
    return [
        b'%b%d,"delta":"%b"}\n\n' % (head, number, word)
        for number, word in enumerate(answer.words, start)
    ]


def _events(named: Sequence[tuple[str, Mapping[str, Any]]], start: int) -> bytes:
    return b"".join(
        event({"type": name, **fields, "sequence_number": number}, name=name)
        for number, (name, fields) in enumerate(named, start)
    )


def _last_event(answer: Answer) -> str:
    return "response.incomplete" if answer.cut else "response.completed"


def _finished(ask: Ask, answer: Answer) -> Mapping[str, Any]:
    status = "incomplete" if answer.cut else "completed"
    document = _document(ask, answer, status)
    del document["usage"]  # may have to stay away
    return {
        **document,
        "incomplete_details": {"reason": "max_output_tokens"} if answer.cut else None,
        "output": [_item(answer, status, answer.text)],
        **answer.tells("usage", _usage(ask, answer)),
    }


def _usage(ask: Ask, answer: Answer) -> Mapping[str, Any]:
    return {
        "input_tokens": ask.prompt.tokens,
        "input_tokens_details": {"cached_tokens": answer.cache.read, "cache_write_tokens": 0},
        "output_tokens": answer.output,
        "output_tokens_details": {"reasoning_tokens": answer.reasoning},
        "total_tokens": ask.prompt.tokens + answer.output,
    }


def _document(ask: Ask, answer: Answer, status: str) -> dict[str, Any]:
    return {
        "id": f"resp_{answer.id}",
        "object": "response",
        "created_at": answer.created,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": ask.max_tokens,
        "metadata": {},
        "model": ask.model,
        "output": [],
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": None,
    }


def _item(answer: Answer, status: str, text: str | None = None) -> Mapping[str, Any]:
    return {
        "id": f"msg_{answer.id}",
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": [] if text is None else [_part(text)],
    }


def _part(text: str) -> Mapping[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _place(answer: Answer) -> Mapping[str, Any]:
    return {"item_id": f"msg_{answer.id}", "output_index": 0, "content_index": 0}
