"""Requests come and leave, calls go well or not, in any order."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.errors import SidecarError, StreamBrokenError
from tests.proxy.flying import Flown, House, Request, told
from tests.support import settle

_STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["come", "come", "leave", "send", "begin", "more", "end", "fail", "wait", "tick"]
        ),
        st.integers(0, 5),
    ),
    max_size=40,
)


@settings(deadline=None)
@given(_STEPS)
def test_whatever_happens_who_stays_gets_one_whole_answer_and_nothing_is_left(
    steps: list[tuple[str, int]],
) -> None:
    @told
    async def run(house: House) -> None:
        drama = Drama(house)
        for what, number in steps:
            await getattr(drama, what)(number)
        await drama.over()

    run()


class Drama:
    """What may happen to a house, by name; the number says to whom."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.requests: list[Request] = []
        self.answers: dict[Flown, bytes] = {}

    async def come(self, number: int) -> None:
        """Two kinds of calls; some have a deadline, of their own or their SDK's."""
        now = asyncio.get_running_loop().time()
        answer_by = now + number if number > 2 else None
        body = b"%d" % (number % 2)
        self.requests.append(self.house.request(body, answer_by=answer_by, own_deadline=number > 3))

    async def leave(self, number: int) -> None:
        for request in self.requests[number:][:1]:
            request.task.cancel()

    async def send(self, number: int) -> None:
        for call in self._calls(number):
            if call.record.sent is None:
                call.send()

    async def begin(self, number: int) -> None:
        for call in self._calls(number):
            if call not in self.answers:
                await self.send(number)
                call.begin()
                self.answers[call] = b""

    async def more(self, number: int) -> None:
        for call in self._calls(number):
            if call in self.answers:
                piece = b"%d" % number * 300_000
                self.answers[call] += piece
                call.sink.write([piece])

    async def end(self, number: int) -> None:
        for call in self._calls(number):
            if call in self.answers:
                call.end()

    async def fail(self, number: int) -> None:
        for call in self._calls(number):
            call.fail(StreamBrokenError("why"))

    async def wait(self, number: int) -> None:
        await asyncio.sleep(number)

    async def tick(self, number: int) -> None:
        for _ in range(number):
            await asyncio.sleep(0)

    async def over(self) -> None:
        """Everything is answered; long after it nobody is left."""
        await settle()
        for number in range(len(self.house.provider.calls)):
            await self.begin(number)
            await self.end(number)
        await asyncio.sleep(20)
        for request in self.requests:
            if request.task.cancelled() or isinstance(request.error, SidecarError):
                assert any(whole.startswith(request.sink.body) for whole in self._all(b""))
            else:
                assert request.sink.finished
                assert request.sink.body in self._all()

    def _calls(self, number: int) -> list[Flown]:
        calls = self.house.provider.calls[number:][:1]
        return [call for call in calls if not call.cancelled and not call.ended.is_set()]

    def _all(self, *more: bytes) -> list[bytes]:
        return [*self.answers.values(), *more]
