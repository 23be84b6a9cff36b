"""Anthropic's Messages API and what its errors mean."""

import orjson
import pytest

from sidecar.dialects import OwnError
from sidecar.dialects.anthropic import ANTHROPIC
from sidecar.metering.usage import output_tokens
from sidecar.outcomes import Endpoint, RejectionKind


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
    assert ANTHROPIC.describe(path, b"", b"", whole=True).endpoint is endpoint


def error(kind: str, code: str | None = None) -> bytes:
    details = None if code is None else {"error_code": code}
    return orjson.dumps({"type": "error", "error": {"type": kind, "details": details}})


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (429, error("rate_limit_error"), RejectionKind.RATE),
        (429, error("rate_limit_error", "ramp_limit_exceeded"), RejectionKind.RAMP),
        (429, error("rate_limit_error", "enforced_spend_limit_reached"), RejectionKind.QUOTA),
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
    status: int, body: bytes, kind: RejectionKind | None
) -> None:
    assert ANTHROPIC.classify(status, body) is kind


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


def test_output_tokens_are_read() -> None:
    body = orjson.dumps({"usage": {"input_tokens": 3, "output_tokens": 5}})

    assert output_tokens(body, ANTHROPIC.output_token_paths) == 5
