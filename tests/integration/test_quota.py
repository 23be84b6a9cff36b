"""A provider whose quota is used up is not asked in vain."""

import json

from sidecar.proxy.exhausted import Exhausted
from tests.fakes.raw_server import Peer
from tests.integration.rig import Provider, Rig, eventually, receive, rig
from tests.integration.wire import Message, ok, post

BODY = json.dumps(
    {"error": {"message": "You exceeded your quota.", "type": "insufficient_quota",
               "param": None, "code": "insufficient_quota"}}
).encode()  # fmt: skip
QUOTA = ok(BODY, status=b"429 Too Many Requests", extra=b"x-request-id: req_1\r\n")
KEY = b"Authorization: Bearer %b\r\n"


class Poor:
    """A script: refuses for want of quota until `paid`."""

    def __init__(self, refusal: bytes = QUOTA) -> None:
        self.received: list[Message] = []
        self.paid = False
        self.refusal = refusal

    async def __call__(self, peer: Peer) -> None:
        while True:
            self.received.append(await receive(peer))
            await peer.send(ok() if self.paid else self.refusal)


def exhausted(it: Rig) -> Exhausted:
    return it.sidecar.exhausted


def half_open(it: Rig) -> None:
    """Let the breakers' time pass."""
    house = exhausted(it)
    now = house.now()
    house.now = lambda: now + 3600


async def test_the_first_refusal_passes_unchanged_and_is_not_tried_again() -> None:
    poor = Poor()
    async with rig(poor, limit_mode="adaptive", retry_attempts=3) as it:
        answer = await it.ask(post())

        assert (answer.status, answer.body) == (429, BODY)
        assert answer.get("x-request-id") == b"req_1"
        assert answer.get("x-should-retry") == b"false"
        assert answer.get("x-sidecar-attempts") == b"1"
        assert len(poor.received) == 1
        metrics = await it.metrics()
        assert metrics["ai_api_rejections_total{openai,m,quota}"] == 1
        assert metrics["ai_api_concurrency_limit{openai,m}"] == 10, "no congestion, no cut"


async def test_later_calls_fail_fast_with_the_providers_own_words() -> None:
    poor = Poor()
    async with rig(poor, retry_attempts=3) as it:
        await it.ask(post())
        answer = await it.ask(post())

        assert (answer.status, answer.body) == (429, BODY)
        assert answer.get("x-sidecar-reason") == b"quota_exhausted"
        assert answer.get("x-sidecar-attempts") == b"0"
        assert answer.get("x-should-retry") == b"false"
        assert 1 <= int(answer.get("retry-after") or b"0") <= 15
        assert answer.get("x-request-id") is None, "that was another call's"
        assert len(poor.received) == 1
        assert it.shed("quota_exhausted") == 1
        assert await it.statuses() == {"openai,m,rate_limited": 1, "openai,m,shed": 1}
        assert it.log.getvalue().count(b'"quota_exhausted"') >= 1


async def test_other_models_and_other_keys_are_not_touched() -> None:
    poor = Poor()
    async with rig(poor) as it:
        await it.ask(post(extra=KEY % b"one"))
        await it.ask(post(extra=KEY % b"one"))
        assert len(poor.received) == 1
        poor.paid = True

        assert (await it.ask(post(extra=KEY % b"two"))).status == 200
        assert (await it.ask(post(b'{"model":"other"}', extra=KEY % b"one"))).status == 200
        assert (await it.ask(post(extra=KEY % b"one"))).status == 429


async def test_when_its_time_is_over_one_probe_goes_and_opens_the_door() -> None:
    poor = Poor()
    async with rig(poor) as it:
        await it.ask(post())
        half_open(it)
        poor.paid = True

        assert (await it.ask(post())).status == 200
        assert not exhausted(it).breakers
        assert (await it.ask(post())).status == 200


async def test_a_probe_that_is_refused_closes_it_again() -> None:
    poor = Poor()
    async with rig(poor) as it:
        await it.ask(post())
        half_open(it)
        assert (await it.ask(post())).get("x-sidecar-reason") is None
        assert (await it.ask(post())).get("x-sidecar-reason") == b"quota_exhausted"
        assert len(poor.received) == 2


async def test_only_one_probe_is_sent() -> None:
    received: list[Message] = []

    async def script(peer: Peer) -> None:
        while True:
            received.append(await receive(peer))
            if len(received) > 1:
                await peer.left()
                return
            await peer.send(QUOTA)

    async with rig(script) as it:
        await it.ask(post())
        half_open(it)
        probe = await it.connect()
        probe.post(post())
        await eventually(lambda: len(received) == 2)

        assert (await it.ask(post())).get("x-sidecar-reason") == b"quota_exhausted"
        probe.close()  # it told nothing: the next one is the probe
        await it.at_rest()
        again = await it.connect()
        again.post(post())
        await eventually(lambda: len(received) == 3)
        again.close()
        await it.at_rest()


async def test_what_waited_in_the_queue_meanwhile_is_not_sent() -> None:
    received: list[Message] = []

    async def script(peer: Peer) -> None:
        while True:
            received.append(await receive(peer))
            await eventually(lambda: it.waiting == 5)
            await peer.send(QUOTA)

    async with rig(script, limit_initial=1) as it:
        clients = [await it.connect() for _ in range(6)]
        for client in clients:
            client.post(post())
        answers = [await client.answer() for client in clients]

        assert [answer.status for answer in answers] == [429] * 6
        assert len(received) == 1


async def test_calls_that_name_no_model_are_always_made() -> None:
    """They share the model `other`, and may have nothing else in common."""
    poor = Poor()
    async with rig(poor) as it:
        for _ in range(3):
            assert (await it.ask(post(b"{}"))).get("x-sidecar-reason") is None
        assert len(poor.received) == 3


async def test_what_is_not_sent_uses_no_ceiling() -> None:
    received: list[Message] = []

    async def script(peer: Peer) -> None:
        while True:
            received.append(await receive(peer))
            await eventually(lambda: it.waiting == 5)
            await peer.send(QUOTA)

    async with rig(script, limit_initial=1, rate_requests_per_minute=2) as it:
        clients = [await it.connect() for _ in range(6)]
        for client in clients:
            client.post(post())
        for client in clients:
            await client.answer()
        (limiter,) = it.sidecar.pool
        assert limiter.rates.wait(0, limiter._now()) == 0, "one of two is left"


async def test_a_probe_that_fails_otherwise_does_not_open_the_door() -> None:
    """A 500 says nothing about money."""
    poor = Poor()
    async with rig(poor) as it:
        await it.ask(post())
        half_open(it)
        poor.refusal = ok(b"{}", status=b"500 Oops")
        assert (await it.ask(post())).status == 500
        assert exhausted(it).breakers
        poor.paid = True
        assert (await it.ask(post())).status == 200
        assert not exhausted(it).breakers


async def test_observing_holds_nobody_back() -> None:
    poor = Poor()
    async with rig(poor, limit_mode="observe") as it:
        for _ in range(3):
            assert (await it.ask(post())).get("x-sidecar-reason") is None
        assert len(poor.received) == 3


async def test_a_compressed_refusal_can_still_be_read() -> None:
    refusal = ok(
        b"\x1f\x8bnot really", status=b"402 Payment Required", extra=b"Content-Encoding: gzip\r\n"
    )
    async with rig(Provider(refusal)) as it:
        await it.ask(post())
        answer = await it.ask(post())

        assert (answer.status, answer.body) == (402, b"\x1f\x8bnot really")
        assert answer.get("content-encoding") == b"gzip"
