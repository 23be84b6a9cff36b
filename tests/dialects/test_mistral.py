"""Mistral's API and what its answers mean."""

import orjson
import pytest

from sidecar.control.allowance import Allowance, Unit
from sidecar.dialects import OwnError
from sidecar.dialects.mistral import MISTRAL
from sidecar.metering.whole_answer import WholeAnswer
from sidecar.outcomes import Endpoint, RejectionKind
from sidecar.tokens import Usage
from tests.dialects.made import WALL, call, headers, kind_of


@pytest.mark.parametrize(
    ("path", "endpoint"),
    [
        ("/v1/chat/completions", Endpoint.CHAT),
        ("/v1/agents/completions", Endpoint.CHAT),
        ("/v1/fim/completions", Endpoint.COMPLETIONS),
        ("/v1/embeddings", Endpoint.EMBEDDINGS),
        ("/v1/ocr", Endpoint.OTHER),
    ],
)
def test_the_end_of_the_path_tells_the_endpoint(path: str, endpoint: Endpoint) -> None:
    assert call(MISTRAL, path).endpoint is endpoint


def error(kind: str, code: object) -> object:
    return {"object": "error", "message": "m", "type": kind, "param": None, "code": code}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (429, error("rate_limited", "1300"), RejectionKind.RATE),
        (429, error("rate_limited", 1300), RejectionKind.RATE),
        (429, error("rate_limited", None), RejectionKind.RATE),
        (429, error("service_tier_capacity_exceeded", "3505"), RejectionKind.OVERLOAD),
        (429, {"message": "Requests rate limit exceeded"}, RejectionKind.RATE),
        (503, {"message": "Service unavailable."}, RejectionKind.OVERLOAD),
        (422, error("invalid_request_error", "1500"), None),
    ],
)
def test_codes_stand_at_the_top(status: int, body: object, kind: RejectionKind | None) -> None:
    assert kind_of(MISTRAL, status, body) is kind


@pytest.mark.parametrize(
    ("status", "kind"), [(404, "invalid_request_error"), (503, "internal_server_error")]
)
def test_an_error_of_our_own_has_the_shape_that_its_sdk_reads(status: int, kind: str) -> None:
    document = orjson.loads(MISTRAL.error_body(OwnError(status, "reason", "Words.")))

    assert document == {
        "object": "error",
        "message": "Words.",
        "type": kind,
        "param": None,
        "code": "reason",
    }


def test_both_names_of_its_headers_are_read() -> None:
    recorded = headers(
        """
        x-ratelimit-limit-tokens-minute: 5000000
        x-ratelimit-remaining-tokens-minute: 4999911
        x-ratelimit-tokens-query-cost: 52
        x-ratelimit-limit-req-minute: 720
        x-ratelimit-remaining-req-minute: 717
        """
    )

    assert MISTRAL.allowances(recorded, WALL) == (
        Allowance(Unit.TOKENS, 5_000_000, 4_999_911, None),
        Allowance(Unit.REQUESTS, 720, 717, None),
    )
    older = headers("ratelimitbysize-limit: 500000\nratelimitbysize-remaining: 499000")
    assert MISTRAL.allowances(older + headers("ratelimitbysize-reset: 30"), WALL) == (
        Allowance(Unit.TOKENS, 500_000, 499_000, 30),
    )


def test_cached_tokens_have_two_names() -> None:
    for more in ({"num_cached_tokens": 4}, {"prompt_tokens_details": {"cached_tokens": 4}}):
        answer = WholeAnswer()
        figures = {"prompt_tokens": 9, "completion_tokens": 7, **more}
        answer.feed([orjson.dumps({"usage": figures})])
        assert answer.usage(MISTRAL.usages, None) == Usage(9, 7, 4, 0)
