"""vLLM and what its answers mean."""

from sidecar.dialects import Call
from sidecar.dialects.vllm import VLLM
from sidecar.outcomes import Endpoint, RejectionKind
from tests.dialects.made import WALL, call, kind_of


def test_a_full_queue_is_overload() -> None:
    body = {"error": {"message": "m", "type": "ServiceUnavailableError", "code": 503}}

    assert kind_of(VLLM, 503, body) is RejectionKind.OVERLOAD


def test_a_model_s_fault_is_no_rejection() -> None:
    body = {"object": "error", "message": "m", "type": "BadRequestError", "code": 400}

    assert kind_of(VLLM, 400, body) is None


def test_there_are_no_rate_limit_headers() -> None:
    assert VLLM.allowances([(b"x-ratelimit-remaining-requests", b"0")], WALL) == ()


def test_the_model_is_named_as_with_openai() -> None:
    found = call(VLLM, "/v1/chat/completions", {"model": "meta-llama/L"})

    assert found == Call(Endpoint.CHAT, "meta-llama/L", 6)
