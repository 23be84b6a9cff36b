"""Anthropic's Messages API and what its answers mean."""

import orjson
import pytest

from sidecar.control.allowance import Allowance, Unit
from sidecar.dialects import Call, OwnError
from sidecar.dialects.anthropic import ANTHROPIC
from sidecar.metering.framing import Framing
from sidecar.metering.stream_tail import StreamTail
from sidecar.metering.whole_answer import WholeAnswer
from sidecar.outcomes import Endpoint, RejectionKind
from sidecar.tokens import Usage
from tests.dialects.made import WALL, call, headers, kind_of
from tests.metering.wire import sse


@pytest.mark.parametrize(
    ("path", "endpoint"),
    [
        ("/v1/messages", Endpoint.MESSAGES),
        ("/v1/complete", Endpoint.COMPLETIONS),
        ("/v1/messages/batches", Endpoint.OTHER),
        ("/v1/messages/count_tokens", Endpoint.OTHER),
    ],
)
def test_the_end_of_the_path_tells_the_endpoint(path: str, endpoint: Endpoint) -> None:
    assert call(ANTHROPIC, path).endpoint is endpoint


def test_counting_tokens_reserves_none() -> None:
    document = {"model": "claude", "messages": []}

    assert call(ANTHROPIC, "/v1/messages/count_tokens", document) == Call(
        Endpoint.OTHER, "claude", 0
    )


def error(kind: str, code: str | None = None) -> object:
    details = None if code is None else {"error_code": code}
    return {"type": "error", "error": {"type": kind, "details": details, "message": "m"}}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (429, error("rate_limit_error"), RejectionKind.RATE),
        (429, error("rate_limit_error", "ramp_limit_exceeded"), RejectionKind.RAMP),
        (429, error("rate_limit_error", "enforced_spend_limit_reached"), RejectionKind.QUOTA),
        (429, error("rate_limit_error", "contract_spend_limit_reached"), RejectionKind.QUOTA),
        (429, error("rate_limit_error", "some_new_code"), RejectionKind.RATE),
        (402, error("billing_error"), RejectionKind.QUOTA),
        (529, error("overloaded_error"), RejectionKind.OVERLOAD),
        (500, error("overloaded_error"), RejectionKind.OVERLOAD),
        (500, error("api_error"), RejectionKind.TRANSIENT),
        (413, error("request_too_large"), RejectionKind.TOO_LARGE),
        (401, error("authentication_error"), None),
        (400, error("invalid_request_error"), None),
    ],
)
def test_the_error_code_counts_more_than_the_error_type(
    status: int, body: object, kind: RejectionKind | None
) -> None:
    assert kind_of(ANTHROPIC, status, body) is kind


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (404, "not_found_error"),
        (413, "request_too_large"),
        (502, "api_error"),
        (503, "api_error"),
        (504, "timeout_error"),
    ],
)
def test_an_error_of_our_own_has_the_shape_that_its_sdk_reads(status: int, kind: str) -> None:
    document = orjson.loads(ANTHROPIC.error_body(OwnError(status, "reason", "Words.")))

    assert document == {
        "type": "error",
        "error": {"type": kind, "message": "Words.", "details": {"error_code": "reason"}},
        "request_id": None,
    }


def test_an_error_of_our_own_is_never_taken_for_the_provider_s_push_back() -> None:
    """A shed in front of another sidecar must not move that one's limit as a 429 would."""
    body = ANTHROPIC.error_body(OwnError(503, "queue_full", "Words."))

    assert ANTHROPIC.classify_document(body) is RejectionKind.TRANSIENT


def test_allowances_tell_input_and_output_apart() -> None:
    recorded = headers(
        """
        anthropic-ratelimit-requests-limit: 50
        anthropic-ratelimit-requests-remaining: 49
        anthropic-ratelimit-requests-reset: 2026-11-24T12:00:01Z
        anthropic-ratelimit-input-tokens-limit: 30000
        anthropic-ratelimit-input-tokens-remaining: 29000
        anthropic-ratelimit-input-tokens-reset: 2026-11-24T12:00:02Z
        anthropic-ratelimit-output-tokens-limit: 8000
        anthropic-ratelimit-output-tokens-remaining: 0
        anthropic-ratelimit-output-tokens-reset: 2026-11-24T12:00:30Z
        anthropic-ratelimit-tokens-limit: 38000
        anthropic-ratelimit-tokens-remaining: 29000
        anthropic-ratelimit-tokens-reset: 2026-11-24T12:00:30Z
        """
    )

    assert ANTHROPIC.allowances(recorded, WALL) == (
        Allowance(Unit.REQUESTS, 50, 49, 1),
        Allowance(Unit.TOKENS, 30_000, 29_000, 2),
        Allowance(Unit.TOKENS, 8000, 0, 30),
        Allowance(Unit.TOKENS, 38_000, 29_000, 30),
    )


FIGURES = {
    "input_tokens": 100,
    "cache_creation_input_tokens": 10,
    "cache_read_input_tokens": 400,
    "cache_creation": {"ephemeral_5m_input_tokens": 7, "ephemeral_1h_input_tokens": 3},
    "output_tokens": 25,
    "output_tokens_details": {"thinking_tokens": 5},
    "service_tier": "standard",
}
USED = Usage(510, 25, cached_input=400, reasoning=5, cache_write=10, cache_write_1h=3)


def test_what_the_cache_holds_is_input_too() -> None:
    answer = WholeAnswer()
    answer.feed([orjson.dumps({"type": "message", "content": [], "usage": FIGURES})])

    assert answer.usage(ANTHROPIC.usages, None) == USED


def test_a_stream_tells_the_input_first_and_the_output_last() -> None:
    tail = StreamTail(Framing.EVENTS)
    opening = {**FIGURES, "output_tokens": 1}
    tail.feed(
        [
            sse({"type": "message_start", "message": {"usage": opening}}, "message_start"),
            sse({"type": "message_delta", "usage": {"output_tokens": 25}}, "message_delta"),
            sse({"type": "message_stop"}, "message_stop"),
        ]
    )

    assert tail.usage(ANTHROPIC.usages) == USED
