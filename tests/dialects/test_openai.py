"""OpenAI's API and what its errors mean."""

import orjson
import pytest

from sidecar.dialects import OwnError
from sidecar.dialects.openai import OPENAI
from sidecar.metering.usage import output_tokens
from sidecar.outcomes import Endpoint, RejectionKind


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
    assert OPENAI.describe(path, b"", b"", whole=True).endpoint is endpoint


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        # Out of money: a 429 that no waiting can help, by type where the code is missing.
        (429, {"error": {"type": "insufficient_quota", "code": None}}, RejectionKind.QUOTA),
        (429, {"error": {"type": "tokens", "code": "rate_limit_exceeded"}}, RejectionKind.RATE),
        (503, {"error": {"type": "rate_limit_error", "code": "slow_down"}}, RejectionKind.RAMP),
        (503, {"error": {"code": "server_is_overloaded"}}, RejectionKind.OVERLOAD),
        # In a stream there is no status but 200.
        (500, {"type": "error", "code": "rate_limit_exceeded"}, RejectionKind.RATE),
        (
            500,
            {"type": "response.failed", "response": {"error": {"code": "rate_limit_exceeded"}}},
            RejectionKind.RATE,
        ),
        (400, {"error": {"type": "invalid_request_error", "code": "unknown"}}, None),
        (429, {"error": {"code": 1300}}, RejectionKind.RATE),
    ],
)
def test_codes_tell_kinds(status: int, body: object, kind: RejectionKind | None) -> None:
    assert OPENAI.classify(status, orjson.dumps(body)) is kind


@pytest.mark.parametrize(
    ("status", "kind"), [(404, "invalid_request_error"), (503, "server_error")]
)
def test_an_error_of_our_own_has_the_shape_that_its_sdk_reads(status: int, kind: str) -> None:
    document = orjson.loads(OPENAI.error_body(OwnError(status, "reason", "Words.")))

    assert document == {
        "error": {"message": "Words.", "type": kind, "param": None, "code": "reason"}
    }


@pytest.mark.parametrize("name", ["completion_tokens", "output_tokens"])
def test_chat_and_responses_name_output_tokens_differently(name: str) -> None:
    body = orjson.dumps({"usage": {name: 12, "total_tokens": 20}})

    assert output_tokens(body, OPENAI.output_token_paths) == 12
