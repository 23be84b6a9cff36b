"""Groq and what its answers mean."""

import pytest

from sidecar.control.allowance import Allowance, Unit
from sidecar.dialects import Rejection
from sidecar.dialects.groq import GROQ
from sidecar.metering.framing import Framing
from sidecar.metering.stream_tail import StreamTail
from sidecar.outcomes import Endpoint, RejectionKind
from sidecar.tokens import Usage
from tests.dialects.made import WALL, call, headers, rejection
from tests.metering.wire import sse


def test_paths_have_a_prefix() -> None:
    assert call(GROQ, "/openai/v1/chat/completions", {"model": "m"}).endpoint is Endpoint.CHAT


def limited(message: str, kind: str = "tokens") -> object:
    return {"error": {"message": message, "type": kind, "code": "rate_limit_exceeded"}}


REACHED = (
    "Rate limit reached for model `llama-3.3-70b-versatile` in organization `org_1` service tier"
    " `on_demand` on tokens per {} (TP{}): Limit 100000, Used 97050, Requested 3619. Please try"
    " again in 9m38.016s."
)


@pytest.mark.parametrize(
    ("status", "body", "hint", "kind"),
    [
        (429, limited(REACHED.format("minute", "M")), b"7", RejectionKind.RATE),
        (429, limited(REACHED.format("day", "D")), b"579", RejectionKind.QUOTA),
        (429, limited("Words."), b"7200", RejectionKind.QUOTA),
        (429, limited("Words."), b"60", RejectionKind.RATE),
        (413, limited("Request too large for model `m`: …"), b"9", RejectionKind.TOO_LARGE),
        (498, {"error": {"message": "m", "code": "capacity_exceeded"}}, b"1",
         RejectionKind.OVERLOAD),
        (498, None, b"1", RejectionKind.OVERLOAD),
        (503, {"error": {"message": "m", "type": "service_unavailable"}}, b"1",
         RejectionKind.OVERLOAD),
    ],
)  # fmt: skip
def test_days_are_told_from_minutes(
    status: int, body: object, hint: bytes, kind: RejectionKind
) -> None:
    expected = Rejection(kind, float(hint))

    assert rejection(GROQ, status, body, {b"retry-after": hint}) == expected


@pytest.mark.parametrize("status", [400, 424, 499])
def test_the_rest_is_the_client_s_fault(status: int) -> None:
    assert rejection(GROQ, status, {"error": {"message": "m"}}) is None


def test_allowances_are_those_of_requests_and_tokens() -> None:
    recorded = headers(
        """
        x-ratelimit-limit-requests: 14400
        x-ratelimit-limit-tokens: 18000
        x-ratelimit-remaining-requests: 14370
        x-ratelimit-remaining-tokens: 17997
        x-ratelimit-reset-requests: 2m59.56s
        x-ratelimit-reset-tokens: 7.66s
        """
    )

    assert GROQ.allowances(recorded, WALL) == (
        Allowance(Unit.REQUESTS, 14_400, 14_370, 179.56),
        Allowance(Unit.TOKENS, 18_000, 17_997, 7.66),
    )


def test_a_stream_tells_its_usage_in_a_field_of_groq_s_own() -> None:
    tail = StreamTail(Framing.EVENTS)
    figures = {"queue_time": 0.05, "prompt_tokens": 9, "completion_tokens": 7, "total_tokens": 16}
    tail.feed([sse({"choices": [{"delta": {}}], "x_groq": {"id": "req_1", "usage": figures}})])

    assert tail.usage(GROQ.usages) == Usage(9, 7, 0, 0)
