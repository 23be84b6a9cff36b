"""Amazon's own SDK reaches Bedrock through the sidecar with its signatures intact.

It signs Host, path and body, so it is pointed at the sidecar as at an HTTP proxy: then all three
stay the provider's own.
"""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, closing, suppress
from typing import Any

import pytest

from tests.fakes.raw_server import RawServer
from tests.integration.rig import Provider, Rig, rig
from tests.integration.sdks import (
    AWS_KEY,
    AWS_REGION,
    AWS_SECRET,
    MODEL,
    SAME_ALWAYS,
    Sdk,
    base,
    bedrock_sdk,
    front,
    provided,
)
from tests.integration.wire import Message, ok
from tests.simulator.providing import running

NAMED = "anthropic.claude-x-20250101-v1:0"
"""The colon comes encoded, in the path and in what is signed."""
MESSAGES = [{"role": "user", "content": [{"text": "Hello there"}]}]
CONVERSE: dict[str, Any] = {"messages": MESSAGES, "inferenceConfig": {"maxTokens": 5}}
CLAUDE = json.dumps(
    {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 5,
        "messages": [{"role": "user", "content": "Hello there"}],
    }
)
Call = Callable[[Any], Any]


def _converse(client: Any, model: str = MODEL) -> Any:
    return client.converse(modelId=model, **CONVERSE)


def _converse_stream(client: Any) -> Any:
    with closing(client.converse_stream(modelId=MODEL, **CONVERSE)["stream"]) as stream:
        return list(stream)


def _invoke(client: Any) -> Any:
    return json.loads(client.invoke_model(modelId=MODEL, body=CLAUDE)["body"].read())


def _invoke_stream(client: Any) -> Any:
    answer = client.invoke_model_with_response_stream(modelId=MODEL, body=CLAUDE)
    with closing(answer["body"]) as stream:
        return [json.loads(event["chunk"]["bytes"]) for event in stream]


def _said(answer: Mapping[str, Any]) -> Any:
    """Without what is told of the HTTP exchange."""
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def _failing(what: str, call: Call) -> Call:
    """The same call, with a directive that is not signed: a proxy may add fields, too."""

    def direct(request: Any, **_: Any) -> None:
        request.headers["x-simulate"] = f"{what}; should-retry=false"

    def ask(client: Any) -> Any:
        client.meta.events.register("before-send.bedrock-runtime", direct)
        try:
            return call(client)
        finally:
            client.meta.events.unregister("before-send.bedrock-runtime", direct)

    return ask


async def _error(sdk: Sdk, what: str, call: Call = _converse) -> Any:
    from botocore.exceptions import ClientError

    with pytest.raises(ClientError) as caught:
        await sdk(_failing(what, call))
    return caught.value


# The simulated provider speaks the protocol


async def test_a_whole_answer_of_the_provider() -> None:
    async with provided(bedrock_sdk, "sync", "/bedrock") as sdk:
        answer = await sdk(_converse)
        invoked = await sdk(_invoke)

    words = answer["output"]["message"]["content"][0]["text"].split()
    assert len(words) == answer["usage"]["outputTokens"] == 5
    assert answer["stopReason"] == "max_tokens"
    assert len(invoked["content"][0]["text"].split()) == invoked["usage"]["output_tokens"] == 5


async def test_a_streamed_answer_of_the_provider() -> None:
    async with provided(bedrock_sdk, "sync", "/bedrock") as sdk:
        events = await sdk(_converse_stream)
        chunks = await sdk(_invoke_stream)

    assert [next(iter(event)) for event in events] == [
        "messageStart",
        *["contentBlockDelta"] * 5,
        "contentBlockStop",
        "messageStop",
        "metadata",
    ]
    assert events[-1]["metadata"]["usage"]["outputTokens"] == 5
    assert [chunk["type"] for chunk in chunks][-2:] == ["message_delta", "message_stop"]
    assert chunks[-2]["usage"]["output_tokens"] == 5


@pytest.mark.parametrize(
    ("what", "status", "code"),
    [
        ("429", 429, "ThrottlingException"),
        ("400", 400, "ValidationException"),
        ("insufficient_quota", 400, "ServiceQuotaExceededException"),
        ("503", 503, "ServiceUnavailableException"),
    ],
)
async def test_errors_of_the_provider(what: str, status: int, code: str) -> None:
    async with provided(bedrock_sdk, "sync", "/bedrock") as sdk:
        error = await _error(sdk, what)

    assert error.response["Error"]["Code"] == code
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == status


async def test_an_error_in_the_providers_stream() -> None:
    from botocore.exceptions import EventStreamError

    async with provided(bedrock_sdk, "sync", "/bedrock") as sdk:
        with pytest.raises(EventStreamError, match="throttlingException"):
            await sdk(_failing("error-in-stream; trouble=rate_limit_exceeded", _converse_stream))


# The sidecar as the SDK's proxy


@asynccontextmanager
async def _proxied() -> AsyncIterator[tuple[Rig, Sdk, Sdk]]:
    """A sidecar, an SDK that uses it as its proxy, and one without."""
    async with running(SAME_ALWAYS) as provider:
        url = provider.url
        async with (
            rig(upstream_urls=f"bedrock:bedrock={url}") as it,
            bedrock_sdk(url, proxies={"http": base(it)}) as through,
            bedrock_sdk(url) as direct,
        ):
            yield it, direct, through


async def test_a_whole_answer() -> None:
    async with _proxied() as (it, direct, through):
        assert _said(await through(_converse)) == _said(await direct(_converse))
        assert await through(_invoke) == await direct(_invoke)
        assert await it.statuses() == {"bedrock,sim,ok": 2}


async def test_a_streamed_answer() -> None:
    async with _proxied() as (it, direct, through):
        events = await through(_converse_stream)

        assert events == await direct(_converse_stream)
        assert len(events) > 5
        assert await through(_invoke_stream) == await direct(_invoke_stream)
        assert await it.statuses() == {"bedrock,sim,ok": 2}


@pytest.mark.parametrize("what", ["429", "400", "insufficient_quota"])
async def test_errors_are_the_providers_own(what: str) -> None:
    async with _proxied() as (_, direct, through):
        seen, expected = await _error(through, what), await _error(direct, what)

        assert type(seen) is type(expected)
        assert seen.response["Error"] == expected.response["Error"]


@pytest.mark.parametrize("call", [_converse, _converse_stream, _invoke, _invoke_stream])
async def test_the_signature_still_fits_what_reaches_the_provider(call: Call) -> None:
    provider = Provider(ok(b"{}"))
    async with RawServer(provider) as raw:
        url = f"http://{raw.origin.host}:{raw.port}"
        async with (
            rig(upstream_urls=f"bedrock:bedrock={url}") as it,
            bedrock_sdk(url, proxies={"http": base(it)}) as sdk,
        ):
            await sdk(lambda client: _tried(call, client))

    (received,) = provider.received
    assert received.get("host") == f"{raw.origin.host}:{raw.port}".encode()
    assert _signature(received) == _signed_again(received, url)


async def test_a_model_whose_name_must_be_encoded_is_signed_and_counted_as_it_is() -> None:
    provider = Provider(ok(b"{}"))
    async with RawServer(provider) as raw:
        url = f"http://{raw.origin.host}:{raw.port}"
        async with (
            rig(upstream_urls=f"bedrock:bedrock={url}") as it,
            bedrock_sdk(url, proxies={"http": base(it)}) as sdk,
        ):
            await sdk(lambda client: _converse(client, NAMED))
            assert await it.statuses() == {f"bedrock,{NAMED},ok": 1}

    (received,) = provider.received
    assert _signature(received) == _signed_again(received, url)


def _tried(call: Call, client: Any) -> None:
    with suppress(KeyError, ValueError):  # the answer is none; here only the question counts
        call(client)


def _signature(message: Message) -> str:
    return (message.get("authorization") or b"").decode().rpartition("Signature=")[2]


def _signed_again(message: Message, url: str) -> str:
    """What botocore makes of the request as it arrived, with the credentials of the app."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    authorization = (message.get("authorization") or b"").decode()
    names = authorization.partition("SignedHeaders=")[2].partition(",")[0].split(";")
    method, target, _ = message.start.decode().split(" ", 2)
    request = AWSRequest(
        method=method,
        url=url + target,
        headers={name: (message.get(name) or b"").decode() for name in names},
        data=message.body,
    )
    request.context["timestamp"] = (message.get("x-amz-date") or b"").decode()
    signer = SigV4Auth(Credentials(AWS_KEY, AWS_SECRET), "bedrock", AWS_REGION)
    text = signer.string_to_sign(request, signer.canonical_request(request))
    signature: str = signer.signature(text, request)
    return signature


# The sidecar's address as the endpoint: for a provider that checks no signature


async def test_a_base_url_with_the_upstreams_prefix() -> None:
    async with front(bedrock_sdk, "sync", "/bedrock") as at:
        direct, through = await at.both(_converse)
        assert _said(through) == _said(direct)
        events, relayed = await at.both(_converse_stream)

        assert relayed == events
        assert await at.it.statuses() == {"bedrock,sim,ok": 2}
