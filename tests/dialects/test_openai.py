"""OpenAI's API and what its answers mean."""

import orjson
import pytest

from sidecar.control.allowance import Allowance, Unit
from sidecar.dialects import OwnError
from sidecar.dialects.openai import OPENAI
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
        ("/v1/chat/completions", Endpoint.CHAT),
        ("/openai/deployments/d/chat/completions", Endpoint.CHAT),
        ("/v1/completions", Endpoint.COMPLETIONS),
        ("/v1/responses", Endpoint.RESPONSES),
        ("/v1/embeddings", Endpoint.EMBEDDINGS),
        ("/v1/responses/resp_1", Endpoint.OTHER),
        ("/v1/models", Endpoint.OTHER),
        ("/", Endpoint.OTHER),
    ],
)
def test_the_end_of_the_path_tells_the_endpoint(path: str, endpoint: Endpoint) -> None:
    assert call(OPENAI, path).endpoint is endpoint


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        # Out of money: a 429 that no waiting can help, by type where the code is missing.
        (429, {"error": {"type": "insufficient_quota", "code": None}}, RejectionKind.QUOTA),
        (429, {"error": {"code": "credit_balance_exhausted"}}, RejectionKind.QUOTA),
        (429, {"error": {"type": "tokens", "code": "rate_limit_exceeded"}}, RejectionKind.RATE),
        (503, {"error": {"type": "rate_limit_error", "code": "slow_down"}}, RejectionKind.RAMP),
        (503, {"error": {"code": "server_is_overloaded"}}, RejectionKind.OVERLOAD),
        # One request above the limit of a minute has the code of any other.
        (
            429,
            {
                "error": {
                    "message": "Request too large for gpt-4o in organization org-1 on tokens per"
                    " min (TPM): Limit 30000, Requested 40000.",
                    "type": "tokens",
                    "param": None,
                    "code": "rate_limit_exceeded",
                }
            },
            RejectionKind.TOO_LARGE,
        ),
        # In a stream there is no status but 200.
        (500, {"type": "error", "code": "rate_limit_exceeded"}, RejectionKind.RATE),
        (
            500,
            {"type": "response.failed", "response": {"error": {"code": "rate_limit_exceeded"}}},
            RejectionKind.RATE,
        ),
        (400, {"error": {"type": "invalid_request_error", "code": "unknown"}}, None),
        (400, {"error": {"code": "context_length_exceeded"}}, None),
        (429, {"error": {"code": 1300}}, RejectionKind.RATE),
    ],
)
def test_codes_tell_kinds(status: int, body: object, kind: RejectionKind | None) -> None:
    assert kind_of(OPENAI, status, body) is kind


@pytest.mark.parametrize(
    ("status", "kind"), [(404, "invalid_request_error"), (503, "server_error")]
)
def test_an_error_of_our_own_has_the_shape_that_its_sdk_reads(status: int, kind: str) -> None:
    document = orjson.loads(OPENAI.error_body(OwnError(status, "reason", "Words.")))

    assert document == {
        "error": {"message": "Words.", "type": kind, "param": None, "code": "reason"}
    }


def test_allowances_are_those_of_requests_and_tokens() -> None:
    recorded = headers(
        """
        Date: Tue, 24 Nov 2026 12:00:00 GMT
        x-ratelimit-limit-requests: 5000
        x-ratelimit-limit-tokens: 160000
        x-ratelimit-limit-tokens_usage_based: 160000
        x-ratelimit-remaining-requests: 4999
        x-ratelimit-remaining-tokens: 159976
        x-ratelimit-reset-requests: 12ms
        x-ratelimit-reset-tokens: 6m0s
        """
    )

    assert OPENAI.allowances(recorded, WALL) == (
        Allowance(Unit.REQUESTS, 5000, 4999, 0.012),
        Allowance(Unit.TOKENS, 160_000, 159_976, 360),
    )


CHAT = {
    "prompt_tokens": 19,
    "completion_tokens": 10,
    "total_tokens": 29,
    "prompt_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 2, "audio_tokens": 3},
    "completion_tokens_details": {"reasoning_tokens": 6, "audio_tokens": 4},
}
RESPONSE = {
    "input_tokens": 36,
    "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
    "output_tokens": 87,
    "output_tokens_details": {"reasoning_tokens": 80},
    "total_tokens": 123,
}


@pytest.mark.parametrize(
    ("figures", "usage"),
    [
        (CHAT, Usage(19, 10, 5, 6, cache_write=2, input_audio=3, output_audio=4)),
        (RESPONSE, Usage(36, 87, 4, 80, cache_write=2)),
        ({"prompt_tokens": 8, "total_tokens": 8}, Usage(8, 0, 0, 0)),
    ],
)
def test_chat_responses_and_embeddings_name_tokens_differently(
    figures: object, usage: Usage
) -> None:
    answer = WholeAnswer()
    answer.feed([orjson.dumps({"id": "x", "usage": figures})])

    assert answer.usage(OPENAI.usages, None) == usage


@pytest.mark.parametrize(
    ("events", "usage"),
    [
        ([{"choices": [{"delta": {}}], "usage": None}, {"choices": [], "usage": CHAT}], (19, 10)),
        ([{"type": "response.completed", "response": {"usage": RESPONSE}}], (36, 87)),
    ],
)
def test_streams_tell_at_their_end(events: list[object], usage: tuple[int, int]) -> None:
    tail = StreamTail(Framing.EVENTS)
    tail.feed([sse(event) for event in events] + [b"data: [DONE]\n\n"])

    read = tail.usage(OPENAI.usages)

    assert read is not None
    assert (read.input, read.output) == usage
