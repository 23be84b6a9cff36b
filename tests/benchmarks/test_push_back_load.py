"""The app that asks: clients who wait for their answers, and calls that come regardless."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from benchmarks.push_back.asking import Asking
from benchmarks.push_back.callers import NO_ANSWER, Ending
from benchmarks.push_back.load import App
from tests.support import virtual_time


class Provider:
    """Answers after a second, each call in the next of these ways, the last one for ever."""

    def __init__(self, *endings: Ending) -> None:
        self.bodies: list[Mapping[str, Any]] = []
        self._endings = endings

    async def __call__(self, body: Mapping[str, Any]) -> Ending:
        self.bodies.append(body)
        ending = self._endings[min(len(self.bodies), len(self._endings)) - 1]
        await asyncio.sleep(1)
        return ending


async def asked(asking: Asking, provider: Provider, seconds: float) -> App:
    now = asyncio.get_running_loop().time
    app = App(asking, provider, until=now() + seconds, now=now)
    await app.run()
    return app


@virtual_time
async def test_a_client_asks_again_when_it_has_its_answer() -> None:
    provider = Provider(Ending(200))

    app = await asked(Asking(model="m", clients=2), provider, 3.5)

    assert len(app.rows) == 2 * 4, "the last two after three seconds, and waited for"
    assert all(ended - begin == pytest.approx(1) for _, begin, ended, *_ in app.rows)
    assert {(model, status, reason) for model, _, _, status, reason in app.rows} == {
        ("m", 200, None)
    }


@pytest.mark.parametrize("ending", [Ending(503, "queue_full"), NO_ANSWER])
@virtual_time
async def test_a_client_pauses_after_anything_but_an_answer(ending: Ending) -> None:
    app = await asked(Asking(model="m", clients=1), Provider(ending, Ending(200)), 1.5)

    (_, _, failed, *seen), (_, again, *_) = app.rows
    assert seen == list(ending)
    assert again - failed == pytest.approx(0.25)


@virtual_time
async def test_calls_at_a_rate_do_not_wait_for_answers() -> None:
    app = await asked(Asking(model="m", rate=100), Provider(Ending(200)), 20)

    assert len(app.rows) == pytest.approx(2000, rel=0.1)
    assert all(ended is not None for _, _, ended, *_ in app.rows)


@virtual_time
async def test_calls_state_their_tokens_in_turn() -> None:
    provider = Provider(Ending(200))

    await asked(Asking(model="m", clients=3, max_tokens=(8, 16)), provider, 0.5)

    assert [body["max_tokens"] for body in provider.bodies] == [8, 16, 8]
    assert all(body["model"] == "m" and body["messages"] for body in provider.bodies)


@virtual_time
async def test_what_is_not_answered_yet_is_written_down() -> None:
    now = asyncio.get_running_loop().time
    app = App(Asking(model="m", clients=1), Provider(Ending(200)), until=now() + 1, now=now)
    task = asyncio.ensure_future(app.run())  # noqa: TID251  # cancelled in mid-call, as the load does

    await asyncio.sleep(0.5)
    task.cancel()
    await asyncio.wait([task])

    assert [row[2:] for row in app.rows] == [[None, None, None]]
