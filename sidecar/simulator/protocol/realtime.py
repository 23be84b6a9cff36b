"""OpenAI's APIs over a WebSocket, in events: realtime sessions, and responses.

A channel turns the client's events into replies or into a request for an answer, and an answer
into events. It knows nothing of sockets: messages are the bytes of JSON documents.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count as counting
from typing import Any, Protocol

import orjson

from sidecar.simulator.protocol import responses
from sidecar.simulator.protocol.ask import Answer, Ask, Body, Script, count
from sidecar.simulator.protocol.refusal import Refusal, RefusedError, Trouble
from sidecar.simulator.protocol.text import prompt

_CREATE = "response.create"
_DATA = b"data: "

Message = bytes
"""One text message, ready to be sent."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One answer as messages."""

    opening: Sequence[Message]
    """Sent before the first word."""
    words: Sequence[Message]
    """One per output token."""
    closing: Sequence[Message]
    """Sent at the end; the last one tells the usage."""


class Channel(Protocol):
    """What is said over one WebSocket."""

    def greet(self) -> Sequence[Message]:
        """What the provider says first."""

    def hear(self, event: Body) -> Ask | Sequence[Message]:
        """What one event asks for, or the replies to it; RefusedError where it makes no sense."""

    def say(self, ask: Ask, answer: Answer) -> Turn:
        """An answer as events."""

    def complain(self, refusal: Refusal) -> Message:
        """An error as an event; the conversation goes on."""


class Realtime:
    """The channel of `/v1/realtime?model=…`; what was said before is part of every prompt."""

    def __init__(self, model: str, session_id: str) -> None:
        self._model = model
        self._id = session_id
        self._items: list[object] = []
        self._numbers = counting(1)

    def greet(self) -> Sequence[Message]:
        """The session."""
        return [self._event("session.created", session=self._session({}))]

    def hear(self, event: Body) -> Ask | Sequence[Message]:
        """A request for an answer, an item of the conversation, or other settings."""
        match event.get("type"):
            case "response.create":
                return self._ask(_table(event, "response"))
            case "conversation.item.create":
                item = _table(event, "item")
                self._items.append(item)
                return [self._event("conversation.item.added", previous_item_id=None, item=item)]
            case "session.update":
                session = self._session(_table(event, "session"))
                return [self._event("session.updated", session=session)]
            case _:
                raise _unknown(event)

    def say(self, ask: Ask, answer: Answer) -> Turn:
        """`response.created`, deltas, `response.done`."""
        place = _place(answer)
        item = _item(answer)
        self._items.append(item)
        return Turn(
            [self._event("response.created", response=_response(answer, "in_progress", []))],
            [
                self._event("response.output_text.delta", **place, delta=word.decode())
                for word in answer.words
            ],
            [
                self._event("response.output_text.done", **place, text=answer.text),
                self._event("response.done", response=_done(ask, answer, item)),
            ],
        )

    def complain(self, refusal: Refusal) -> Message:
        """An `error` event."""
        return self._event("error", error=_error(refusal))

    def _ask(self, wanted: Body) -> Ask:
        most = (
            None if wanted.get("max_output_tokens") == "inf" else count(wanted, "max_output_tokens")
        )
        said = prompt(wanted.get("instructions"), wanted.get("input"), self._items)
        return Ask(model=self._model, prompt=said, max_tokens=most, stream=True)

    def _session(self, wanted: Body) -> Mapping[str, Any]:
        own = {
            "type": "realtime",
            "object": "realtime.session",
            "id": f"sess_{self._id}",
            "model": self._model,
        }
        return {"output_modalities": ["text"], **wanted, **own}

    def _event(self, kind: str, **fields: Any) -> Message:
        number = f"event_{next(self._numbers):06d}"
        return orjson.dumps({"type": kind, "event_id": number, **fields})


class Responses:
    """The channel of `/v1/responses`; the events are those of its streams."""

    def greet(self) -> Sequence[Message]:
        """Nothing: the client begins."""
        return ()

    def hear(self, event: Body) -> Ask | Sequence[Message]:
        """A request like the body of a POST."""
        if event.get("type") != _CREATE:
            raise _unknown(event)
        return responses.read_response({**event, "stream": True}, None)

    def say(self, ask: Ask, answer: Answer) -> Turn:
        """What a stream of the same answer carries."""
        script: Script = responses.stream_response(ask, answer)
        return Turn(_data(script.opening), _data(b"".join(script.pieces)), _data(script.closing))

    def complain(self, refusal: Refusal) -> Message:
        """An `error` event with the status that an HTTP answer would have."""
        document = {"type": "error", "status": refusal.status, "error": _error(refusal)}
        return orjson.dumps(document)


def _data(events: bytes) -> Sequence[Message]:
    return [line.removeprefix(_DATA) for line in events.splitlines() if line.startswith(_DATA)]


def _table(event: Body, field: str) -> Body:
    value = event.get(field) or {}
    if not isinstance(value, dict):
        raise RefusedError(Trouble.BAD_REQUEST, f"Invalid type for '{field}'.", param=field)
    return value


def _unknown(event: Body) -> RefusedError:
    return RefusedError(Trouble.BAD_REQUEST, f"Unknown event {event.get('type')!r}.", param="type")


def _error(refusal: Refusal) -> Mapping[str, Any]:
    return {
        "type": refusal.type,
        "code": refusal.code,
        "message": refusal.message,
        "param": refusal.param,
    }


def _place(answer: Answer) -> Mapping[str, Any]:
    return {
        "response_id": f"resp_{answer.id}",
        "item_id": f"item_{answer.id}",
        "output_index": 0,
        "content_index": 0,
    }


def _item(answer: Answer) -> Mapping[str, Any]:
    return {
        "id": f"item_{answer.id}",
        "object": "realtime.item",
        "type": "message",
        "status": "incomplete" if answer.cut else "completed",
        "role": "assistant",
        "content": [{"type": "output_text", "text": answer.text}],
    }


def _response(answer: Answer, status: str, output: Sequence[object]) -> dict[str, Any]:
    return {
        "object": "realtime.response",
        "id": f"resp_{answer.id}",
        "status": status,
        "output": output,
        "output_modalities": ["text"],
        "usage": None,
    }


def _done(ask: Ask, answer: Answer, item: Mapping[str, Any]) -> Mapping[str, Any]:
    read, written = ask.prompt.tokens, answer.output
    cached = answer.cache.read
    usage = {
        "total_tokens": read + written,
        "input_tokens": read,
        "output_tokens": written,
        "input_token_details": {"text_tokens": read, "audio_tokens": 0, "cached_tokens": cached},
        "output_token_details": {"text_tokens": written, "audio_tokens": 0},
    }
    document = _response(answer, item["status"], [item])
    del document["usage"]  # may have to stay away
    return {**document, **answer.tells("usage", usage)}
