"""Everybody gets all of it, in order, from the start; nobody holds up others, or fills the memory."""

import asyncio
import gc
import weakref
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.errors import ClientGoneError, SidecarError, StreamBrokenError
from sidecar.sharing.broadcast import Bounds, Broadcast, Reader
from sidecar.sharing.replays import Replays
from tests.support import settle, virtual_time

SMALL = Bounds(replay=100, ahead=20, behind=200)
TRAILERS = ((b"x-end", b"1"),)


class App:
    """One who takes an answer: as much as it has `room` for, then no more until `eat`."""

    def __init__(self, reader: Reader[str], *, room: int = 1 << 30) -> None:
        self.reader = reader
        self.room = room
        self.pieces: list[bytes] = []
        self.writes = 0
        self.leaves_at: int | None = None
        """Writes after which its connection is found closed."""
        self.task: asyncio.Task[tuple[str, Sequence[tuple[bytes, bytes]]]]
        self._eaten = asyncio.Event()

    @property
    def taken(self) -> bytes:
        return b"".join(self.pieces)

    def write(self, pieces: Sequence[bytes]) -> bool:
        if self.leaves_at == self.writes:
            raise ClientGoneError("gone")
        self.writes += 1
        self.pieces += pieces
        return len(self.taken) < self.room

    async def drain(self) -> None:
        while len(self.taken) >= self.room:
            self._eaten.clear()
            await self._eaten.wait()

    def eat(self, more: int = 1 << 30) -> None:
        """It has room for so many bytes more."""
        self.room = len(self.taken) + more
        self._eaten.set()

    async def run(self) -> tuple[str, Sequence[tuple[bytes, bytes]]]:
        """Head and trailers."""
        return await self.reader.head(), await self.reader.relay(self)


class Show:
    """A broadcast with its apps, all in one task group."""

    def __init__(self, group: asyncio.TaskGroup, bounds: Bounds = SMALL) -> None:
        self.replays = Replays()
        self.broadcast: Broadcast[str] = Broadcast(bounds, asyncio.get_running_loop(), self.replays)
        self.group = group

    def join(self, *, room: int = 1 << 30) -> App:
        app = App(self.broadcast.join(), room=room)
        app.task = self.group.create_task(self._guard(app))
        app.task.add_done_callback(lambda _: app.reader.leave())  # also of one that never ran
        return app

    async def _guard(self, app: App) -> tuple[str, Sequence[tuple[bytes, bytes]]]:
        try:
            return await app.run()
        except SidecarError as error:  # a group would end with it
            return repr(error), ()

    async def begun(self, *apps: App) -> None:
        """The head is out and everybody relays."""
        self.broadcast.begin("head")
        await settle()


async def test_every_reader_gets_head_body_and_trailers() -> None:
    async with asyncio.TaskGroup() as group:
        show = Show(group)
        apps = [show.join() for _ in range(3)]
        await show.begun()
        assert show.broadcast.write([b"one", b"two"])
        show.broadcast.write([b"three"])
        show.broadcast.end(TRAILERS)

    assert [app.task.result() for app in apps] == [("head", TRAILERS)] * 3
    assert [app.pieces for app in apps] == [[b"one", b"two", b"three"]] * 3
    assert len(show.broadcast) == 0


async def test_what_is_written_arrives_before_the_call_returns() -> None:
    async with asyncio.TaskGroup() as group:
        show = Show(group)
        app = show.join()
        await show.begun()

        show.broadcast.write([b"now"])

        assert app.pieces == [b"now"]
        show.broadcast.end(())


async def test_who_joins_in_the_middle_gets_it_from_the_start_with_every_piece_as_it_was() -> None:
    async with asyncio.TaskGroup() as group:
        show = Show(group)
        first = show.join()
        await show.begun()
        show.broadcast.write([b"a", b"b"])
        show.broadcast.write([b"c"])

        late = show.join()
        await settle()

        assert late.pieces == [b"a", b"b", b"c"]
        assert late.writes == 1  # not one for each that came
        show.broadcast.write([b"d"])
        show.broadcast.end(())

    assert late.pieces == first.pieces == [b"a", b"b", b"c", b"d"]


async def test_who_joins_after_the_end_gets_all_of_it() -> None:
    async with asyncio.TaskGroup() as group:
        show = Show(group)
        show.broadcast.begin("head")
        show.broadcast.write([b"a"])
        show.broadcast.end(TRAILERS)

        late = show.join()

    assert late.task.result() == ("head", TRAILERS)
    assert late.pieces == [b"a"]


async def test_readers_may_join_until_more_came_than_is_kept() -> None:
    broadcast: Broadcast[str] = Broadcast(SMALL, asyncio.get_running_loop(), Replays())
    broadcast.begin("head")
    broadcast.write([bytes(100)])
    assert broadcast.body() == bytes(100)

    broadcast.write([b"x"])

    assert not broadcast.joinable
    with pytest.raises(RuntimeError, match="forgotten"):
        broadcast.join()


# -- back-pressure --------------------------------------------------------------------------------


async def test_the_writer_is_held_by_the_only_reader() -> None:
    async with asyncio.TaskGroup() as group:
        show = Show(group)
        app = show.join(room=10)
        await show.begun()
        assert show.broadcast.write([bytes(10)])  # taken, though now it is full
        assert show.broadcast.write([bytes(19)])
        assert not show.broadcast.write([b"x"])
        drained = group.create_task(show.broadcast.drain())
        await settle()
        assert not drained.done()

        app.eat()
        await settle()

        assert drained.done()
        show.broadcast.end(())

    assert len(app.taken) == 30


async def test_a_slow_reader_holds_up_nobody() -> None:
    async with asyncio.TaskGroup() as group:
        show = Show(group)
        slow, quick = show.join(room=1), show.join()
        await show.begun()
        for _ in range(9):
            assert show.broadcast.write([bytes(20)])
        show.broadcast.end(())
        await settle()

        assert quick.task.done()
        assert len(quick.taken) == 180
        assert len(slow.taken) == 20
        slow.eat()

    assert slow.taken == quick.taken
    assert slow.task.result() == ("head", ())


async def test_one_that_is_too_far_behind_is_cut_off_even_while_it_takes_nothing() -> None:
    async with asyncio.TaskGroup() as group:
        show = Show(group)
        stuck, quick = show.join(room=1), show.join()
        await show.begun()
        show.broadcast.write([bytes(20)])
        show.broadcast.write([bytes(200)])
        await settle()
        assert not stuck.task.done()

        show.broadcast.write([b"x"])
        await settle()

        assert stuck.task.result()[0].startswith("ClientGoneError")
        assert stuck.reader.was_cut_off
        assert not quick.reader.was_cut_off
        assert len(show.broadcast) == 1
        show.broadcast.end(())

    assert len(quick.taken) == 221


async def test_what_everybody_has_taken_is_not_kept() -> None:
    """Beyond what may be joined, a piece lives only as long as the slowest reader needs it."""
    gone: list[int] = []

    class Pieces(list[bytes]):
        pass

    def write(number: int) -> None:
        pieces = Pieces([bytes(10)])
        weakref.finalize(pieces, gone.append, number)
        show.broadcast.write(pieces)

    async with asyncio.TaskGroup() as group:
        show = Show(group)
        slow, _quick = show.join(room=45), show.join()
        await show.begun()
        gc.disable()
        try:
            for number in range(10):
                write(number)
            assert gone == []  # still joinable
            for number in range(10, 15):
                write(number)
            assert sorted(gone) == [0, 1, 2, 3]
            slow.eat()
            await settle()
            assert sorted(gone) == list(range(14))
        finally:
            gc.enable()
        show.broadcast.end(())


async def test_the_fastest_reader_may_leave_the_writer_to_the_next() -> None:
    async with asyncio.TaskGroup() as group:
        show = Show(group)
        quick, slow = show.join(), show.join(room=1)
        await show.begun()
        show.broadcast.write([bytes(30)])
        assert show.broadcast.write([bytes(30)])
        quick.task.cancel()
        await settle()
        assert not show.broadcast.write([b"x"])
        drained = group.create_task(show.broadcast.drain())
        await settle()
        assert not drained.done()

        slow.eat()
        await settle()

        assert drained.done()
        show.broadcast.end(())


async def test_the_writer_that_waits_for_a_reader_goes_on_when_that_one_leaves() -> None:
    async with asyncio.TaskGroup() as group:
        show = Show(group)
        stuck, next_one = show.join(room=1), show.join(room=1)
        await show.begun()
        show.broadcast.write([bytes(1)])
        assert not show.broadcast.write([bytes(50)])
        drained = group.create_task(show.broadcast.drain())
        await settle()

        next_one.task.cancel()
        stuck.task.cancel()
        await settle()

        assert drained.done()  # for one who may come, all is kept


async def test_without_readers_as_much_is_taken_as_one_could_still_have() -> None:
    async with asyncio.TaskGroup() as group:
        show = Show(group)
        show.broadcast.begin("head")
        assert show.broadcast.write([bytes(100)])
        assert not show.broadcast.write([b"x"])
        with pytest.raises(ClientGoneError):  # it would wait for nobody
            await asyncio.wait_for(show.broadcast.drain(), 1)


async def test_what_is_kept_of_all_of_them_is_bounded() -> None:
    loop, replays = asyncio.get_running_loop(), Replays(100)
    one: Broadcast[str] = Broadcast(SMALL, loop, replays)
    other: Broadcast[str] = Broadcast(SMALL, loop, replays)
    one.write([bytes(60)])
    other.write([bytes(60)])
    assert (one.joinable, other.joinable, replays.held) == (True, False, 60)

    one.forget()

    assert (one.joinable, replays.held) == (False, 0)


# -- ends -----------------------------------------------------------------------------------------


async def test_an_error_before_the_head_is_everybodys() -> None:
    async with asyncio.TaskGroup() as group:
        show = Show(group)
        apps = [show.join() for _ in range(3)]
        await settle()
        show.broadcast.fail(StreamBrokenError("why"))

    assert [app.task.result()[0] for app in apps] == ["StreamBrokenError('why')"] * 3


async def test_an_error_in_the_middle_comes_after_everything_before_it() -> None:
    async with asyncio.TaskGroup() as group:
        show = Show(group)
        quick, slow = show.join(), show.join(room=1)
        await show.begun()
        show.broadcast.write([b"a"])
        show.broadcast.write([b"b"])
        show.broadcast.fail(StreamBrokenError("why"))
        await settle()
        assert quick.task.done()
        assert not slow.task.done()
        slow.eat()

    assert quick.taken == slow.taken == b"ab"
    assert quick.task.result() == slow.task.result() == ("StreamBrokenError('why')", ())


async def test_an_error_after_the_end_changes_nothing() -> None:
    async with asyncio.TaskGroup() as group:
        show = Show(group)
        app = show.join()
        await show.begun()
        show.broadcast.end(TRAILERS)
        show.broadcast.fail(StreamBrokenError("why"))

    assert app.task.result() == ("head", TRAILERS)


async def test_an_error_is_not_kept_by_those_who_raised_it() -> None:
    """A traceback that grew with every reader would keep all their requests in memory."""
    async with asyncio.TaskGroup() as group:
        show = Show(group)
        for _ in range(3):
            show.join()
        error = StreamBrokenError("why")
        show.broadcast.fail(error)

    frames, traceback = 0, error.__traceback__
    while traceback is not None:
        frames, traceback = frames + 1, traceback.tb_next
    assert frames < 5  # of the last one only
    assert show.broadcast.failure is None
    assert not show.broadcast.joinable


async def test_a_reader_whose_connection_is_closed_fails_alone() -> None:
    async with asyncio.TaskGroup() as group:
        show = Show(group)
        leaving, staying = show.join(), show.join()
        leaving.leaves_at = 1
        await show.begun()
        show.broadcast.write([b"a"])
        show.broadcast.write([b"b"])
        await settle()
        assert leaving.task.result()[0] == "ClientGoneError('gone')"
        show.broadcast.write([b"c"])
        show.broadcast.end(())

    assert staying.taken == b"abc"
    assert not leaving.reader.was_cut_off


async def test_the_end_does_not_wait_for_a_reader_that_has_everything() -> None:
    async with asyncio.TaskGroup() as group:
        show = Show(group)
        full = show.join(room=5)
        await show.begun()
        show.broadcast.write([bytes(5)])
        show.broadcast.end(TRAILERS)
        await settle()
        full.eat()

    assert full.task.result() == ("head", TRAILERS)


# -- races ----------------------------------------------------------------------------------------


async def test_leaving_in_the_tick_of_the_head() -> None:
    async with asyncio.TaskGroup() as group:
        show = Show(group)
        leaving, staying = show.join(), show.join()
        await settle()
        show.broadcast.begin("head")
        leaving.task.cancel()
        show.broadcast.write([b"a"])
        await settle()
        assert leaving.pieces == []
        assert len(show.broadcast) == 1
        show.broadcast.end(())

    assert staying.taken == b"a"


async def test_head_body_and_end_in_one_tick() -> None:
    async with asyncio.TaskGroup() as group:
        show = Show(group)
        app = show.join()
        await settle()
        show.broadcast.begin("head")
        show.broadcast.write([b"a"])
        show.broadcast.end(TRAILERS)

    assert app.task.result() == ("head", TRAILERS)
    assert app.pieces == [b"a"]


async def test_cut_off_in_the_tick_in_which_it_takes_again() -> None:
    async with asyncio.TaskGroup() as group:
        show = Show(group)
        stuck, _quick = show.join(room=1), show.join()
        await show.begun()
        show.broadcast.write([bytes(20)])
        show.broadcast.write([bytes(200)])
        await settle()
        stuck.eat()
        show.broadcast.write([b"x"])
        await settle()

        assert stuck.reader.was_cut_off
        assert stuck.task.result()[0].startswith("ClientGoneError")
        show.broadcast.end(())


@virtual_time
async def test_cancelled_while_it_is_full() -> None:
    async with asyncio.TaskGroup() as group:
        show = Show(group)
        app = show.join(room=1)
        await show.begun()
        show.broadcast.write([bytes(5)])
        await settle()
        app.task.cancel()
        await settle()

    assert app.task.cancelled()
    assert len(show.broadcast) == 0


def test_it_shows_its_state() -> None:
    with asyncio.Runner() as runner:
        broadcast: Broadcast[str] = Broadcast(SMALL, runner.get_loop(), Replays())
        broadcast.begin("secret")
        broadcast.write([b"secret"])
        assert repr(broadcast) == "<Broadcast running, 6 bytes, 0 readers>"
        broadcast.end(())
        assert repr(broadcast) == "<Broadcast ended, 6 bytes, 0 readers>"


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(1, 60)),
        st.tuples(st.just("join"), st.integers(1, 80)),
        st.tuples(st.just("eat"), st.integers(0, 9)),
        st.tuples(st.just("leave"), st.integers(0, 9)),
        st.tuples(st.just("tick"), st.integers(1, 3)),
    ),
    max_size=40,
)


@settings(deadline=None)
@given(_STEPS, st.booleans())
def test_whatever_happens_everybody_gets_a_beginning_and_who_stays_gets_all(
    steps: list[tuple[str, int]], whole: bool
) -> None:
    asyncio.run(_chaos(steps, whole))


async def _chaos(steps: list[tuple[str, int]], whole: bool) -> None:
    async with asyncio.TaskGroup() as group:
        show = Show(group)
        show.broadcast.begin("head")
        drama = _Drama(show)
        for what, number in steps:
            await getattr(drama, what)(number)
            assert all(drama.written.startswith(app.taken) for app in drama.apps)
        if whole:
            show.broadcast.end(TRAILERS)
        else:
            show.broadcast.fail(StreamBrokenError("why"))
        for app in drama.apps:
            app.eat()

    await settle()
    assert len(show.broadcast) == 0
    stayed = [app for app in drama.apps if not (app.task.cancelled() or app.reader.was_cut_off)]
    ending = ("head", TRAILERS) if whole else ("StreamBrokenError('why')", ())
    assert [app.taken for app in stayed] == [drama.written] * len(stayed)
    assert [app.task.result() for app in stayed] == [ending] * len(stayed)


class _Drama:
    """What may happen to a broadcast, by name."""

    def __init__(self, show: Show) -> None:
        self.written = b""
        self.apps: list[App] = []
        self._show = show

    async def write(self, size: int) -> None:
        piece = bytes([size]) * size
        self.written += piece
        room = self._show.broadcast.write([piece])
        near = (len(self.written) - len(app.taken) < SMALL.ahead for app in self._present())
        assert room or not any(near)

    async def join(self, room: int) -> None:
        if self._show.broadcast.joinable:
            self.apps.append(self._show.join(room=room))

    async def eat(self, which: int) -> None:
        for app in self._chosen(which):
            app.eat(30)

    async def leave(self, which: int) -> None:
        for app in self._chosen(which):
            app.task.cancel()

    async def tick(self, times: int) -> None:
        for _ in range(times):
            await asyncio.sleep(0)

    def _present(self) -> list[App]:
        return [app for app in self.apps if not app.task.done()]

    def _chosen(self, which: int) -> list[App]:
        return self.apps[which % len(self.apps) :][:1] if self.apps else []
