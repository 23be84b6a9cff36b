"""The list of prices, read in a thread."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from sidecar.cost.listing import listed_prices
from sidecar.cost.price_list import PriceList
from sidecar.cost.unit_prices import UnitPrices
from tests.support import settle

WHEN = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
async def prices() -> AsyncIterator[PriceList]:
    prices = PriceList(asyncio.get_running_loop())
    yield prices
    prices.close()


async def answer(prices: PriceList, provider: str, model: str) -> UnitPrices | None:
    """What is found, once it is."""
    found: asyncio.Future[UnitPrices | None] = asyncio.get_running_loop().create_future()
    prices.look_up(provider, model, WHEN, found.set_result)
    assert not found.done()  # never from within
    return await found


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("prices")]


async def test_the_answer_is_the_list_s(prices: PriceList) -> None:
    assert prices.available
    assert await answer(prices, "openai", "gpt-4o") == listed_prices("openai", "gpt-4o", WHEN)
    assert await answer(prices, "openai", "no-such-model") is None
    assert await answer(prices, "no-such-provider", "gpt-4o") is None


async def test_answers_come_on_the_loop_s_own_thread(prices: PriceList) -> None:
    where: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    prices.look_up("openai", "gpt-4o", WHEN, lambda _: where.set_result(threading.get_ident()))

    assert await where == threading.get_ident()


async def test_one_thread_answers_all_and_none_is_left_behind(prices: PriceList) -> None:
    assert threads() == []

    for model in ("gpt-4o", "gpt-5", "o3"):
        await answer(prices, "openai", model)
    (thread,) = (t for t in threading.enumerate() if t.name.startswith("prices"))
    prices.close()
    await asyncio.to_thread(thread.join, 10)

    assert threads() == []


async def test_a_closed_list_answers_no_more(prices: PriceList) -> None:
    found: list[Any] = []
    prices.look_up("openai", "gpt-4o", WHEN, found.append)
    prices.look_up("openai", "gpt-5", WHEN, found.append)

    prices.close()
    prices.look_up("openai", "o3", WHEN, found.append)
    for thread in threading.enumerate():
        if thread.name.startswith("prices"):
            await asyncio.to_thread(thread.join, 10)
    await settle()

    assert found == []


async def test_without_the_library_nothing_has_a_price(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    prices = PriceList(asyncio.get_running_loop())

    assert not prices.available
    assert await answer(prices, "openai", "gpt-4o") is None
    assert threads() == []
    prices.close()


async def test_a_list_that_cannot_be_read_has_no_prices_and_says_so(
    prices: PriceList, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    monkeypatch.setitem(sys.modules, "genai_prices", None)  # gone since the start

    assert await answer(prices, "openai", "gpt-4o") is None

    (context,) = told
    assert isinstance(context["exception"], ImportError)


@pytest.mark.parametrize("frozen", [True, False])
def test_a_process_that_freezes_what_lives_for_ever_has_the_list_frozen_too(frozen: bool) -> None:
    """Else every full collection stops the loop for longer, from the first question on."""
    program = f"""
import asyncio, gc
from datetime import datetime, UTC
from sidecar.cost.price_list import PriceList

async def main():
    loop = asyncio.get_running_loop()
    prices = PriceList(loop)
    for model in ("gpt-4o", "gpt-5"):
        found = loop.create_future()
        prices.look_up("openai", model, datetime(2026, 6, 1, tzinfo=UTC), found.set_result)
        await found
        print(gc.get_freeze_count() - before)
    prices.close()

if {frozen}:
    gc.freeze()
before = gc.get_freeze_count()
asyncio.run(main())
"""
    done = subprocess.run(  # noqa: S603  # our own words
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    first, second = map(int, done.stdout.split())
    assert (first > 10_000) is frozen
    assert second <= first  # once
