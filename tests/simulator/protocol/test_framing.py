"""Errors in the middle of a stream, as each framing has them."""

from sidecar.simulator.protocol.framing import JSON_LINES, NAMED_EVENTS, PLAIN_EVENTS
from sidecar.simulator.protocol.refusal import Trouble
from sidecar.simulator.protocol.style import OPENAI, Told

_REFUSAL = OPENAI.refusals[Trouble.RATE]
_TOLD = Told("req_1")
_BODY = OPENAI.error_body(_REFUSAL, _TOLD)


def test_an_error_is_an_event_of_its_own_name_or_like_any_other() -> None:
    assert NAMED_EVENTS.error(OPENAI, _REFUSAL, _TOLD) == b"event: error\ndata: %b\n\n" % _BODY
    assert PLAIN_EVENTS.error(OPENAI, _REFUSAL, _TOLD) == b"data: %b\n\n" % _BODY


def test_an_error_is_a_line() -> None:
    assert JSON_LINES.error(OPENAI, _REFUSAL, _TOLD) == _BODY + b"\n"
    assert JSON_LINES.comment == b""
