"""Azure OpenAI and what its answers mean."""

import pytest

from sidecar.control.allowance import Allowance, Unit
from sidecar.dialects import Call, Rejection
from sidecar.dialects.azure import AZURE
from sidecar.outcomes import Endpoint, RejectionKind
from tests.dialects.made import WALL, call, headers, kind_of, rejection


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("/openai/deployments/my-gpt/chat/completions", "my-gpt"),
        ("/openai/deployments/gpt%204o/chat/completions", "gpt 4o"),
        ("/openai/v1/chat/completions", "named"),
    ],
)
def test_the_deployment_in_the_path_is_the_model(path: str, model: str) -> None:
    found = call(AZURE, path, {"model": "named", "max_tokens": 100})

    assert (found.endpoint, found.model) == (Endpoint.CHAT, model)
    assert found.tokens > 100


def test_a_path_alone_names_the_model() -> None:
    assert call(AZURE, "/openai/deployments/d/audio/speech") == Call(Endpoint.OTHER, "d", 0)


def error(code: str, message: str) -> object:
    return {"error": {"code": code, "message": message}}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (
            error(
                "429",
                "Requests to the ChatCompletions_Create Operation under Azure OpenAI API version"
                " 2024-10-21 have exceeded token rate limit of your current OpenAI S0 pricing"
                " tier. Please retry after 6 seconds.",
            ),
            RejectionKind.RATE,
        ),
        (error("RateLimitReached", "Rate limit is exceeded."), RejectionKind.RATE),
        (error("429", "System is experiencing high demand."), RejectionKind.OVERLOAD),
        (
            error(
                "too_many_requests",
                "The system is currently experiencing high demand and cannot process your request.",
            ),
            RejectionKind.OVERLOAD,
        ),
        (
            error("429", "The service is temporarily unable to process your request."),
            RejectionKind.OVERLOAD,
        ),
        (error("429", "Temporary rate limit adjustment."), RejectionKind.RAMP),
        (error("429", "Token budget exceeded by request parameters"), RejectionKind.TOO_LARGE),
        (error("insufficient_quota", "You exceeded your current quota."), RejectionKind.QUOTA),
        (error("too_many_requests", "Slow down."), RejectionKind.RATE),
    ],
)
def test_messages_tell_the_429s_apart(body: object, kind: RejectionKind) -> None:
    assert kind_of(AZURE, 429, body) is kind


def test_a_rate_limit_of_a_day_is_a_quota() -> None:
    hint = {b"retry-after": b"86400"}

    assert rejection(AZURE, 429, error("429", "…"), hint) == Rejection(RejectionKind.QUOTA, 86400)


def test_milliseconds_are_read() -> None:
    found = rejection(AZURE, 429, error("429", "…"), {b"x-ms-retry-after-ms": b"250"})

    assert found == Rejection(RejectionKind.RATE, 0.25)


def test_resets_are_seconds_and_what_is_not_known_is_left_out() -> None:
    recorded = headers(
        """
        x-ratelimit-limit-requests: 60
        x-ratelimit-remaining-requests: 59
        x-ratelimit-reset-requests: 10
        x-ratelimit-limit-tokens: -1
        x-ratelimit-remaining-tokens: 0
        """
    )

    assert AZURE.allowances(recorded, WALL) == (Allowance(Unit.REQUESTS, 60, 59, 10),)
