"""What is urgent goes first, and nothing starves."""

import json

from tests.integration.rig import Held, Rig, eventually, rig
from tests.integration.wire import Client, post

HIGH, NORMAL, LOW = b"high", b"normal", b"low"


async def ask(it: Rig, number: int, priority: bytes | None) -> Client:
    """A request that has its place in flight or in the queue when this returns."""
    before = it.in_flight + it.waiting
    client = await it.connect()
    extra = b"" if priority is None else b"x-sidecar-priority: %b\r\n" % priority
    client.post(post(b'{"model":"m","n":%d}' % number, extra=extra))
    await eventually(lambda: it.in_flight + it.waiting == before + 1)
    return client


def served(held: Held) -> list[int]:
    """Numbers of the requests in the order in which the provider got them."""
    return [json.loads(request.body)["n"] for request in held.received]


async def test_the_urgent_go_first_and_inside_a_class_the_order_holds() -> None:
    held = Held()
    async with rig(held, limit_initial=1) as it:
        asked = [HIGH, LOW, LOW, NORMAL, None, HIGH, HIGH]
        clients = [await ask(it, number, priority) for number, priority in enumerate(asked)]
        held.release.set()
        for client in clients:
            await client.answer()

    order = served(held)
    assert order[0] == 0
    for one_class in ([5, 6], [3, 4], [1, 2]):
        assert [number for number in order if number in one_class] == one_class
    assert order.index(5) < order.index(1)


async def test_the_priority_does_not_reach_the_provider() -> None:
    held = Held()
    held.release.set()
    async with rig(held) as it:
        await (await ask(it, 0, HIGH)).answer()

    assert held.received[0].get("x-sidecar-priority") is None


async def test_a_priority_may_be_written_in_capitals() -> None:
    held = Held()
    async with rig(held, limit_initial=1) as it:
        clients = [await ask(it, n, p) for n, p in enumerate([None, NORMAL, b"HIGH"])]
        held.release.set()
        for client in clients:
            await client.answer()

    assert served(held) == [0, 2, 1]


async def test_what_is_no_priority_is_normal() -> None:
    held = Held()
    async with rig(held, limit_initial=1) as it:
        clients = [await ask(it, n, p) for n, p in enumerate([HIGH, b"urgent!", LOW])]
        held.release.set()
        for client in clients:
            assert (await client.answer()).status == 200

    assert served(held) == [0, 1, 2]


async def test_in_a_full_queue_the_youngest_of_the_lowest_gives_way() -> None:
    held = Held()
    async with rig(held, limit_initial=1, queue_size=2) as it:
        first = await ask(it, 0, NORMAL)
        low, displaced = await ask(it, 1, LOW), await ask(it, 2, LOW)
        urgent = await it.connect()
        urgent.post(post(b'{"model":"m","n":3}', extra=b"x-sidecar-priority: high\r\n"))
        refused = await displaced.answer()

        assert refused.status == 503
        assert refused.get("x-sidecar-reason") == b"queue_full"
        assert int(refused.get("retry-after") or b"0") >= 1
        equal = await (await it.connect()).ask(
            post(b'{"model":"m","n":4}', extra=b"x-sidecar-priority: low\r\n")
        )
        assert equal.get("x-sidecar-reason") == b"queue_full", "its equals do not give way"
        held.release.set()
        for client in (first, low, urgent):
            assert (await client.answer()).status == 200
