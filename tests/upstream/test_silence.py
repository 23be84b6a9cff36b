"""The timer, on a loop whose time is a number."""

import asyncio
from collections.abc import Callable

from sidecar.upstream.silence import SilenceTimer


class FakeLoop(asyncio.AbstractEventLoop):
    """Only a clock and its timers."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timers: list[asyncio.TimerHandle] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when, callback, *args, context=None):  # type: ignore[no-untyped-def,override]
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self.timers.append(handle)
        return handle

    def get_debug(self) -> bool:
        return False

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """A real loop counts them."""

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while due := sorted(t for t in self.timers if t.when() <= end and not t.cancelled()):
            self.timers.remove(due[0])
            self.now = max(self.now, due[0].when())
            due[0]._run()
        self.now = end


class Subject:
    def __init__(self) -> None:
        self.loop = FakeLoop()  # type: ignore[abstract]
        self.expired_at: list[float] = []
        self.excused = False
        self.timer = SilenceTimer(
            self.loop, 10, excused=lambda: self.excused, expire=self._expire()
        )

    def _expire(self) -> Callable[[], None]:
        return lambda: self.expired_at.append(self.loop.now)


def test_it_expires_after_the_timeout_without_a_touch() -> None:
    subject = Subject()
    subject.timer.start()
    subject.loop.advance(9.9)
    assert subject.expired_at == []

    subject.loop.advance(50)

    assert subject.expired_at == [110.0]


def test_a_touch_starts_the_whole_timeout_again_with_the_same_handle() -> None:
    subject = Subject()
    subject.timer.start()
    for _ in range(9):
        subject.loop.advance(1)
        subject.timer.touch()
        assert len(subject.loop.timers) == 1

    subject.loop.advance(50)

    assert subject.expired_at == [119.0]


def test_starting_again_needs_no_second_handle() -> None:
    subject = Subject()
    subject.timer.start()
    subject.loop.advance(5)
    subject.timer.start()
    assert len(subject.loop.timers) == 1

    subject.loop.advance(50)

    assert subject.expired_at == [115.0]


def test_an_excused_silence_does_not_count() -> None:
    subject = Subject()
    subject.timer.start()
    subject.excused = True
    subject.loop.advance(35)
    assert subject.expired_at == []
    subject.excused = False
    subject.timer.touch()

    subject.loop.advance(50)

    assert subject.expired_at == [145.0]


def test_a_stopped_timer_never_expires_and_can_start_again() -> None:
    subject = Subject()
    subject.timer.stop()
    subject.timer.start()
    subject.timer.stop()
    subject.loop.advance(50)
    assert subject.expired_at == []

    subject.timer.start()
    subject.loop.advance(50)

    assert subject.expired_at == [160.0]
