"""Hours go by, the sidecar goes away and comes back, the tab is hidden."""

import asyncio
import random
from dataclasses import replace
from typing import Any

import orjson
import pytest

from sidecar.outcomes import LimitReason, RejectionKind
from tests.browser.looking import Looking, looking
from tests.browser.made_sidecar import MadeSidecar, served
from tests.telemetry.made import ATTEMPT, CHANGE, REJECTED, REQUEST, VIEW

pytestmark = pytest.mark.slow

QUICKLY = 20
"""Milliseconds between two questions of the page, instead of 5 s."""


def busy(it: MadeSidecar, model: str, dice: random.Random) -> None:
    """5 s of a limit that moves, with rejections now and then."""
    first_byte = dice.expovariate(2.0)
    it.show(replace(VIEW, model=model, limit=dice.randint(5, 60), waiting=dice.randint(0, 40)))
    it.notify(
        *[replace(REQUEST, model=model)] * dice.randint(1, 9),
        *[replace(ATTEMPT, model=model, first_byte=first_byte)] * dice.randint(1, 9),
        replace(CHANGE, model=model, reason=dice.choice(list(LimitReason))),
    )
    if dice.random() < 0.3:
        kind = dice.choice(list(RejectionKind))
        it.notify(*[replace(REJECTED, model=model, rejection=kind)] * dice.randint(1, 5))


class Hurried(MadeSidecar):
    """5 s pass whenever the page asks."""

    def __init__(self) -> None:
        super().__init__()
        self._dice = random.Random(1)
        self._awaited = 0
        self._reached = asyncio.Event()

    def document(self, *, since: int | None = None, run: int | None = None) -> dict[str, Any]:
        """See MadeSidecar."""
        for model in ("one",):
            busy(self, model, self._dice)
        if self.asked % 500 < 100:  # comes and goes
            busy(self, "sometimes", self._dice)
        self.sample()
        if self.asked >= self._awaited:
            self._reached.set()
        return super().document(since=since, run=run)

    async def was_asked(self, times: int) -> None:
        """Until the page has asked so often."""
        self._awaited = times
        self._reached.clear()
        async with asyncio.timeout(100):
            await self._reached.wait()


async def held(look: Looking) -> tuple[float, float]:
    """Bytes of the page's heap and its DOM nodes, after a collection of garbage."""
    session = await look.page.context.new_cdp_session(look.page)
    await session.send("Performance.enable")
    for _ in range(2):
        await session.send("HeapProfiler.collectGarbage")
    metrics = (await session.send("Performance.getMetrics"))["metrics"]
    by_name = {metric["name"]: metric["value"] for metric in metrics}
    await session.detach()
    return by_name["JSHeapUsedSize"], by_name["Nodes"]


HALF_AN_HOUR, EIGHT_HOURS = 360, 5760
"""Answers, one every 5 s."""


async def hand_over(look: Looking, it: Hurried, times: int) -> None:
    """So many answers, a hundred at a time: what the page does with them, without the way."""
    run, next_one = await look.run("[run, next]")
    for _ in range(times // 100):
        answers = []
        for _ in range(100):
            document = {"state": "ready", **it.document(since=next_one - 1, run=run)}
            next_one = document["next"]
            answers.append({**document, "stats": it.stats.snapshot()})
        await look.page.evaluate(
            "(text) => JSON.parse(text).forEach((answer) => { take(answer); showAll(); })",
            orjson.dumps(answers).decode(),
        )


async def test_eight_hours_open_it_has_not_grown(chromium: str) -> None:
    it = Hurried()
    async with served(it), looking(chromium, it.url, every=0) as look:
        await look.page.locator(".card[open] .figures > summary").first.click()
        await it.was_asked(HALF_AN_HOUR)
        await look.stop()
        heap, nodes = await held(look)
        await hand_over(look, it, EIGHT_HOURS - 2 * HALF_AN_HOUR)
        await look.go_on()
        await it.was_asked(EIGHT_HOURS)
        await look.stop()
        heap_later, nodes_later = await held(look)
        samples = await look.run(
            "[at, ...Object.values([...limits.values()][0].columns)].map((each) => each.length)"
        )

    assert heap_later < 1.3 * heap + 200_000, (heap, heap_later)
    assert nodes_later < 1.3 * nodes + 100, (nodes, nodes_later)
    assert set(samples) == {180}
    assert look.complaints == []


async def test_a_sidecar_that_is_gone_is_told_and_its_return_is_seen(chromium: str) -> None:
    before, after = MadeSidecar(), MadeSidecar()
    before.show(VIEW)
    before.notify(*[REQUEST] * 3)
    before.sample(5)
    after.show(replace(VIEW, model="another"))
    after.notify(*[replace(REQUEST, model="another")] * 2)
    after.wall = before.wall
    after.history._run += 60_000
    after.sample(40)
    async with served(before) as port:
        looked = looking(chromium, before.url, every=QUICKLY)
        look = await looked.__aenter__()
    try:
        await look.until("!document.querySelector('#gone').hidden")
        banner, kept = await look.text("#gone"), await look.text(".card h2")
        async with served(after, port):
            await look.until("document.querySelector('#gone').hidden")
            cards = await look.texts(".card h2")
            samples = await look.run("at.length")
    finally:
        await looked.__aexit__(None, None, None)

    assert banner.startswith("No answer from the sidecar since ")
    assert "trying again" in banner
    assert kept == "openai / gpt", "what was known stays"
    assert cards == ["openai / another"]
    assert samples == 40


async def test_new_samples_arrive_in_an_open_page(chromium: str) -> None:
    it = MadeSidecar()
    async with served(it), looking(chromium, it.url, every=QUICKLY) as look:
        assert "No calls yet" in await look.text("#empty")
        it.show(VIEW)
        it.notify(*[REQUEST] * 4)
        it.sample()
        await look.until("document.querySelector('.card h2')?.textContent === 'openai / gpt'")
        it.show(replace(VIEW, limit=77))
        it.sample(2)
        await look.until("document.querySelector('.brief').textContent.includes('3 of 77')")
        columns = await look.run(
            "Object.values(limits.values().next().value.columns).map((column) => column.length)"
        )
        empty = await look.text("#empty")

    assert set(columns) == {3}
    assert empty == ""
    assert look.complaints == []


async def test_a_hidden_tab_does_not_ask(chromium: str) -> None:
    it = MadeSidecar()
    async with served(it), looking(chromium, it.url, every=QUICKLY) as look:
        await look.stop()
        asked = it.asked
        await look.page.wait_for_timeout(20 * QUICKLY)
        while_hidden = it.asked - asked
        it.notify(REQUEST)
        it.show(VIEW)
        it.sample()
        await look.go_on()
        await look.until("document.querySelector('.card h2')?.textContent === 'openai / gpt'")

    assert while_hidden == 0
    assert look.complaints == []
