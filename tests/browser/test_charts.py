"""One limit's curves, marks and figures."""

import json
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from sidecar.app import running
from sidecar.outcomes import LimitReason, RejectionKind
from sidecar.settings import Settings
from sidecar.simulator.scenario import load
from sidecar.simulator.server import SimulatedProvider
from sidecar.telemetry.logs import make_log
from tests.browser.looking import Looking, looking
from tests.browser.made_sidecar import MadeSidecar, served
from tests.telemetry.made import ATTEMPT, CHANGE, REJECTED, REQUEST, VIEW

pytestmark = pytest.mark.slow


async def marks(look: Looking) -> dict[str, int]:
    """How many marks are drawn on the first card's limit, by reason."""
    counts: dict[str, int] = await look.run("""() => Object.fromEntries(
        [...document.querySelectorAll('.card .mark[data-reason]')]
        .map((path) => [path.dataset.reason, (path.getAttribute('d') ?? '').split('M').length - 1])
        .filter(([, count]) => count))""")
    return counts


async def test_limit_changes_are_marks_by_reason_on_the_curve(chromium: str) -> None:
    it = MadeSidecar()
    it.show(VIEW)
    for reason in (LimitReason.RATE, LimitReason.RATE, LimitReason.OVERLOAD, LimitReason.PROBE):
        it.notify(REQUEST, replace(CHANGE, reason=reason))
        it.sample()
    async with served(it), looking(chromium, it.url) as look:
        drawn = await marks(look)
        legend = await look.texts(".card .key")
        label = await look.run("document.querySelector('.card svg[role=img]').ariaLabel")
        await look.page.locator(".figures > summary").click()
        moves = await look.texts(".moves tbody tr")

    assert drawn == {"rate": 2, "overload": 1, "probe": 1}
    assert {"rate", "overload", "probe"} <= set(legend)
    assert not {"latency", "ramp", "restored"} & set(legend)
    assert "limit 9 now" in label
    assert "rate in 2 samples" in label
    assert len(moves) == 4
    assert "10 → 9" in moves[0]
    assert "probe: one more is tried" in moves[0]


async def test_every_reason_and_kind_has_its_sign(chromium: str) -> None:
    it = MadeSidecar()
    it.show(VIEW)
    for reason in LimitReason:
        it.notify(REQUEST, replace(CHANGE, reason=reason))
        it.sample()
    for kind in RejectionKind:
        it.notify(replace(REJECTED, rejection=kind))
    it.sample()
    async with served(it), looking(chromium, it.url) as look:
        drawn = await marks(look)
        legend = await look.texts(".card .key")

    assert drawn == dict.fromkeys(LimitReason, 1)
    assert {kind.replace("_", " ") for kind in RejectionKind} <= set(legend)


async def test_a_pointed_moment_is_read_out(chromium: str) -> None:
    it = MadeSidecar()
    it.show(VIEW)
    it.notify(REQUEST, replace(ATTEMPT, first_byte=0.25))
    it.sample()
    it.notify(*[REQUEST] * 10, *[REJECTED] * 3, CHANGE, replace(ATTEMPT, first_byte=1.5))
    it.sample()
    async with served(it), looking(chromium, it.url) as look:
        box = await look.page.locator(".card .plot").first.bounding_box()
        assert box is not None
        await look.page.mouse.move(box["x"] + box["width"] - 8, box["y"] + 40)
        rows = [row.split("\t") for row in await look.texts("#tip tr")]
        crossed = await look.run(
            "[...document.querySelectorAll('.card .cross')].filter((each) => each.getAttribute('d')).length"
        )
        await look.page.mouse.move(5, 5)
        after = await look.text("#tip")

    read = dict(rows)
    assert (read["Limit"], read["In flight"], read["Waiting"]) == ("9", "3", "2")
    assert read["moved for"] == "overload"
    assert read["Answers/s"] == "2.0"
    assert read["First byte p95"] == "1.50 s"
    assert read["Rejected: rate"] == "3"
    assert crossed >= 4, "every chart shows the moment"
    assert after == ""


async def test_a_tapped_moment_stays_until_something_else_is_tapped(chromium: str) -> None:
    it = MadeSidecar()
    it.show(VIEW)
    it.notify(REQUEST)
    it.sample(3)
    async with served(it), looking(chromium, it.url, width=390) as look:
        plot = look.page.locator(".card .plot").first
        await plot.scroll_into_view_if_needed()
        box = await plot.bounding_box()
        assert box is not None
        await look.page.touchscreen.tap(box["x"] + box["width"] - 8, box["y"] + 40)
        tip = await look.text("#tip")
        left, right = await look.run(
            "(({ left, right }) => [left, right])(document.querySelector('#tip').getBoundingClientRect())"
        )
        await look.page.touchscreen.tap(20, box["y"] - 60)
        after = await look.text("#tip")

    assert "Limit\t9" in tip
    assert left >= 0
    assert right <= 390
    assert after == ""


async def test_moments_can_be_read_with_the_keyboard(chromium: str) -> None:
    it = MadeSidecar()
    for waiting in (1, 2, 3):
        it.show(replace(VIEW, waiting=waiting))
        it.notify(REQUEST)
        it.sample()
    read: list[str] = []
    async with served(it), looking(chromium, it.url) as look:
        await look.page.locator(".charts").first.focus()
        for key in ("ArrowLeft", "ArrowLeft", "ArrowRight"):
            await look.page.keyboard.press(key)
            read += [row for row in await look.texts("#tip tr") if row.startswith("Waiting")]
        await look.page.keyboard.press("Escape")
        after = await look.text("#tip")

    assert read == ["Waiting\t3", "Waiting\t2", "Waiting\t3"]
    assert after == ""


_LABELS = "[...document.querySelector('.card .plot').querySelectorAll('.y')].map((each) => each.textContent)"


async def test_what_is_counted_has_whole_numbers_on_its_axis(chromium: str) -> None:
    it = MadeSidecar()
    halves = []
    async with served(it), looking(chromium, it.url, every=20) as look:
        for limit in range(1, 60):
            it.show(replace(VIEW, limit=limit, in_flight=limit))
            it.notify(REQUEST)
            it.sample()
            await look.until(f"at.length === {limit}")
            labels = await look.run(_LABELS)
            assert int(labels[2]) == 2 * int(labels[1])
            assert limit < int(labels[2])
            halves.append(labels[1])

    assert len(set(halves)) > 5


async def test_a_panel_with_nothing_in_it_says_so_instead_of_drawing(chromium: str) -> None:
    it = MadeSidecar()
    it.show(replace(VIEW, waiting=0))
    it.notify(REQUEST)
    it.sample(2)
    async with served(it), looking(chromium, it.url) as look:
        captions = await look.texts(".card figcaption")

    assert any("Waiting" in each and "nobody had to" in each for each in captions)
    assert any("Rejected" in each and "none" in each for each in captions)


async def ask(client: aiohttp.ClientSession, port: int, model: str, directive: str = "") -> int:
    body = {"model": model, "messages": [{"role": "user", "content": "How many?"}]}
    headers = {"x-simulate": directive} if directive else {}
    url = f"http://127.0.0.1:{port}/v1/chat/completions"
    async with client.post(url, json=body, headers=headers) as answer:
        await answer.read()
        return answer.status


def told(tokens: dict[str, int]) -> str:
    if not tokens["input"] and not tokens["output"]:
        return "\N{EN DASH}"
    return f"{tokens['input']:,} in, {tokens['output']:,} out"


_ROWS = """[...document.querySelectorAll('#overview tbody tr')].map((row) =>
    [row.querySelector('a').textContent, ...[...row.cells].slice(1).map((cell) => cell.textContent)])"""


async def test_what_is_shown_of_a_real_load_is_what_stats_say(chromium: str) -> None:
    provider = SimulatedProvider(load("instant"))
    url = f"http://127.0.0.1:{await provider.start()}"
    settings = Settings(
        upstream_urls=f"openai={url}", proxy_port=0, admin_host="127.0.0.1", admin_port=0,
        retry_attempts=0,
    )  # fmt: skip
    try:
        async with (
            running(settings, make_log("error")) as sidecar,
            aiohttp.ClientSession() as client,
        ):
            for model, times in (("one", 12), ("two", 7)):
                for _ in range(times):
                    assert await ask(client, sidecar.proxy_port, model) == 200
            for _ in range(3):
                assert await ask(client, sidecar.proxy_port, "two", "429") == 429
            sidecar.history.sample()
            base = f"http://127.0.0.1:{sidecar.admin_port}/"
            async with looking(chromium, base) as look:
                async with client.get(f"{base}stats") as answer:
                    stats: dict[str, Any] = json.loads(await answer.text())
                tiles = await look.texts("#tiles > div")
                rows = await look.run(_ROWS)
                for figures in await look.page.locator(".figures > summary").all():
                    await figures.click()
                since = await look.texts(".since tr")
    finally:
        await provider.stop()

    totals = stats["totals"]
    assert (totals["total_requests"], totals["rejected_requests"]) == (22, 3)
    assert f"since the start: {totals['total_requests']} requests" in tiles[0]
    assert f"since the start: {100 * totals['success_rate']:.1f} %" in tiles[1]
    assert f"since the start: {totals['rejected_requests']} attempts" in tiles[4]
    assert {row[0]: row[1:4] + row[6:8] for row in rows} == {
        f"openai / {limit['model']}": [
            str(limit["limit"]),
            str(limit["current_concurrency"]),
            str(limit["queue_depth"]),
            f"{rejected} %",
            told(limit["tokens"]),
        ]
        for limit, rejected in zip(stats["limits"], ("0", "30.0"), strict=True)
    }
    assert "Requests\t12 ok" in since
    assert "Requests\t7 ok, 3 rate limited" in since
    assert "Rejected by the provider\t3 rate" in since
    assert look.complaints == []
