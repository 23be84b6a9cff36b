"""Hints when to come back."""

import pytest

from sidecar.simulator.protocol.style import ANTHROPIC, OPENAI
from sidecar.simulator.respond import retry_headers


@pytest.mark.parametrize(
    ("seconds", "text", "millis"),
    [(0, "0", "0"), (2, "2", "2000"), (0.0204, "0.021", "21"), (89.5, "89.500", "89500")],
)
def test_hints_are_exact_to_the_millisecond_and_never_too_early(
    seconds: float, text: str, millis: str
) -> None:
    assert retry_headers(seconds, OPENAI) == [("retry-after", text), ("retry-after-ms", millis)]
    assert retry_headers(seconds, ANTHROPIC) == [("retry-after", text)]


def test_no_hint_no_header() -> None:
    assert retry_headers(None, OPENAI) == []
