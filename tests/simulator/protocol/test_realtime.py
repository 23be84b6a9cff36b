"""Events of OpenAI's WebSockets, without a socket."""

from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from sidecar.simulator.protocol.ask import Answer, Ask
from sidecar.simulator.protocol.realtime import Channel, Message, Realtime, Responses
from sidecar.simulator.protocol.refusal import OPENAI_REFUSALS, RefusedError, Trouble

_ANSWER = Answer(id="a" * 24, created=1, words=(b"Hello", b" you"), cut=False)
_ITEM = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}


def _read(messages: Sequence[Message]) -> list[dict[str, Any]]:
    return [orjson.loads(message) for message in messages]


def _ask(channel: Channel, event: dict[str, Any]) -> Ask:
    heard = channel.hear(event)
    assert isinstance(heard, Ask)
    return heard


def _replies(channel: Channel, event: dict[str, Any]) -> list[dict[str, Any]]:
    heard = channel.hear(event)
    assert not isinstance(heard, Ask)
    return _read(heard)


def test_what_was_said_before_is_part_of_the_prompt() -> None:
    channel = Realtime("m", "1")
    first = _ask(channel, {"type": "response.create"})
    (added,) = _replies(channel, {"type": "conversation.item.create", "item": _ITEM})
    second = _ask(channel, {"type": "response.create"})
    channel.say(second, _ANSWER)
    third = _ask(channel, {"type": "response.create"})

    assert added["type"] == "conversation.item.added"
    assert first.prompt.tokens < second.prompt.tokens < third.prompt.tokens
    assert (first.model, first.stream) == ("m", True)


@pytest.mark.parametrize(("most", "read"), [(None, None), ("inf", None), (7, 7)])
def test_an_answer_may_be_bounded(most: object, read: int | None) -> None:
    event = {"type": "response.create", "response": {"max_output_tokens": most}}

    assert _ask(Realtime("m", "1"), event).max_tokens == read


def test_a_session_may_be_changed_but_not_whose_it_is() -> None:
    channel = Realtime("m", "1")
    (created,) = _read(channel.greet())
    (updated,) = _replies(
        channel, {"type": "session.update", "session": {"instructions": "x", "model": "other"}}
    )

    assert created["type"] == "session.created"
    assert updated["session"]["instructions"] == "x"
    assert updated["session"]["model"] == created["session"]["model"] == "m"
    assert updated["event_id"] > created["event_id"]


def test_an_answer_ends_with_its_usage() -> None:
    channel = Realtime("m", "1")
    ask = _ask(channel, {"type": "response.create", "response": {"instructions": "12345678"}})

    turn = channel.say(ask, _ANSWER)

    assert [event["delta"] for event in _read(turn.words)] == ["Hello", " you"]
    done = _read(turn.closing)[-1]
    assert done["type"] == "response.done"
    assert done["response"]["usage"]["input_tokens"] == 2
    assert done["response"]["usage"]["output_tokens"] == 2


@pytest.mark.parametrize("cut", [False, True])
def test_a_response_has_the_events_of_its_stream(cut: bool) -> None:
    channel = Responses()
    ask = _ask(channel, {"type": "response.create", "model": "m", "input": "Hi"})
    answer = Answer(id="a" * 24, created=1, words=_ANSWER.words, cut=cut)

    turn = channel.say(ask, answer)

    events = _read([*turn.opening, *turn.words, *turn.closing])
    assert channel.greet() == ()
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert events[-1]["type"] == ("response.incomplete" if cut else "response.completed")
    assert events[-1]["response"]["usage"]["output_tokens"] == len(turn.words) == 2


@pytest.mark.parametrize("channel", [Realtime("m", "1"), Responses()])
def test_an_unknown_event_makes_no_sense(channel: Channel) -> None:
    with pytest.raises(RefusedError, match=r"Unknown event 'nonsense'\."):
        channel.hear({"type": "nonsense"})


def test_a_complaint_is_an_event() -> None:
    refusal = OPENAI_REFUSALS[Trouble.RATE]

    for channel in (Realtime("m", "1"), Responses()):
        (event,) = _read([channel.complain(refusal)])
        assert (event["type"], event["error"]["code"]) == ("error", "rate_limit_exceeded")
