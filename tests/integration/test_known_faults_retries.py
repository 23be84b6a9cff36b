"""Other projects' faults: retries that came too soon, too often, or could not help."""

import asyncio
import json
from typing import Any

import anthropic
import openai
import pytest

from tests.fakes.raw_server import RawServer
from tests.integration.rig import Provider, rig
from tests.integration.sdks import HELLO, anthropic_sdk, base, openai_sdk
from tests.integration.test_retries import QUICK, error
from tests.integration.wire import ok, post
from tests.support import virtual_time

RETRIES_OF_THE_SDK = 2
"""As OpenAI's and Anthropic's come."""


@pytest.mark.parametrize("hint", [b"Retry-After: 7", b"retry-after-ms: 7000", b"retry-after: 7.0"])
@virtual_time
async def test_a_retry_waits_as_long_as_the_provider_says(hint: bytes) -> None:
    """BerriAI/litellm #7669: a 429 was tried again at once, and failed at once."""
    provider = Provider(error(b"429 Later", "rate_limit_exceeded", extra=hint + b"\r\n"), ok())
    now = asyncio.get_running_loop().time
    async with rig(provider, limit_mode="adaptive", retry_attempts=3) as it:
        begun = now()
        answer = await it.ask(post())

        assert (answer.status, answer.get("x-sidecar-attempts")) == (200, b"2")
        assert 7 <= now() - begun <= 7 * 1.1 + 0.1


# Layers that multiply


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("status", [b"500 Oops", b"503 Busy", b"429 Later"])
async def test_the_retries_of_an_sdk_and_ours_do_not_multiply(
    status: bytes, streamed: bool
) -> None:
    """HKUDS/nanobot #2760: 12 calls instead of 4; code_puppy #317: 45; BerriAI/litellm #2620, PR #25285.

    Three tries of the SDK would be four of ours each.
    """
    provider = Provider(error(status))
    async with (
        rig(provider, **QUICK) as it,
        openai_sdk(base(it), "async", max_retries=RETRIES_OF_THE_SDK) as sdk,
    ):
        with pytest.raises(openai.APIStatusError):
            await sdk(
                lambda client: client.chat.completions.create(
                    model="m", messages=HELLO, stream=streamed
                )
            )

        assert len(provider.received) == 1 + QUICK["retry_attempts"]


async def test_the_retries_of_anthropics_sdk_and_ours_do_not_multiply() -> None:
    """HKUDS/nanobot #2760, with the other SDK."""
    provider = Provider(error(b"529 Overloaded", "overloaded_error"))
    async with (
        rig(provider, **QUICK) as it,
        anthropic_sdk(f"{base(it)}/anthropic", "async", max_retries=RETRIES_OF_THE_SDK) as sdk,
    ):
        with pytest.raises(anthropic.APIStatusError):
            await sdk(
                lambda client: client.messages.create(model="m", messages=HELLO, max_tokens=9)
            )

        assert len(provider.received) == 1 + QUICK["retry_attempts"]


async def test_what_we_cannot_send_again_the_sdk_may() -> None:
    """HKUDS/nanobot #2760: one layer retries, whichever can. A large upload passes through us once."""
    provider = Provider(error(b"503 Busy"))
    large = [{"role": "user", "content": "x" * 1_200_000}]
    async with (
        rig(provider, **QUICK) as it,
        openai_sdk(base(it), "async", max_retries=1) as sdk,
    ):
        with pytest.raises(openai.APIStatusError):
            await sdk(lambda client: client.chat.completions.create(model="m", messages=large))

        assert len(provider.received) == 2


# Quota


def _unpaid(code: str, kind: str | None = None) -> bytes:
    document = {"error": {"message": "m", "type": kind or code, "param": None, "code": code}}
    return ok(json.dumps(document).encode(), status=b"429 Too Many Requests")


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (_unpaid("insufficient_quota"), "insufficient_quota"),
        (_unpaid("insufficient_quota", "rate_limit_error"), "insufficient_quota"),
        (_unpaid("credit_balance_exhausted"), "credit_balance_exhausted"),
    ],
    ids=["quota", "quota as rate", "credit"],
)
async def test_a_used_up_quota_is_not_tried_again_by_anybody(refusal: bytes, code: str) -> None:
    """openai/openai-python #3507, openai/codex #6340, langchainjs #1929, inspect_ai #5340."""
    provider = Provider(refusal)
    async with (
        rig(provider, limit_mode="adaptive", **QUICK) as it,
        openai_sdk(base(it), "async", max_retries=RETRIES_OF_THE_SDK) as sdk,
    ):
        for reason in (None, "quota_exhausted", "quota_exhausted"):
            with pytest.raises(openai.RateLimitError) as caught:
                await sdk(lambda client: client.chat.completions.create(model="m", messages=HELLO))
            assert caught.value.code == code
            assert caught.value.response.headers.get("x-sidecar-reason") == reason
        metrics = await it.metrics()

        assert len(provider.received) == 1, "later calls fail fast"
        assert metrics["ai_api_rejections_total{openai,m,quota}"] == 1
        assert metrics["ai_api_concurrency_limit{openai,m}"] == 10, "no congestion, no cut"


async def test_a_reached_spend_limit_of_anthropics_is_not_tried_again_by_anybody() -> None:
    """inspect_ai #5340, with Anthropic's code for it, which hides in the details."""
    details = {"error_code": "enforced_spend_limit_reached"}
    document: dict[str, Any] = {
        "type": "error",
        "error": {"type": "rate_limit_error", "message": "m", "details": details},
    }
    provider = Provider(ok(json.dumps(document).encode(), status=b"429 Too Many Requests"))
    async with (
        rig(provider, **QUICK) as it,
        anthropic_sdk(f"{base(it)}/anthropic", "async", max_retries=RETRIES_OF_THE_SDK) as sdk,
    ):
        for _ in range(2):
            with pytest.raises(anthropic.RateLimitError):
                await sdk(
                    lambda client: client.messages.create(model="m", messages=HELLO, max_tokens=9)
                )

        assert len(provider.received) == 1


# Push-back of one's own servers


async def test_a_full_queue_of_vllm_is_overload_and_tried_again() -> None:
    """vllm-project/vllm PR #49445, #58192; production-stack #634, #749: a bounded queue answers 503."""
    full = {"error": {"message": "m", "type": "ServiceUnavailableError", "code": 503}}
    provider = Provider(ok(json.dumps(full).encode(), status=b"503 Service Unavailable"), ok())
    async with RawServer(provider) as vllm:
        urls = f"openai:vllm=http://127.0.0.1:{vllm.port}"
        async with rig(upstream_urls=urls, limit_mode="adaptive", **QUICK) as it:
            assert (await it.ask(post())).status == 200
            metrics = await it.metrics()

            assert metrics["ai_api_rejections_total{openai,m,overload}"] == 1
            assert metrics["ai_api_retries_total{openai,m,overload}"] == 1
            assert metrics["ai_api_concurrency_limit{openai,m}"] < 10
