"""What is seen first: whether something is wrong, and what to do."""

from dataclasses import replace

import pytest

from sidecar.control.allowance import Unit
from sidecar.events import Event
from sidecar.outcomes import LimitReason, RejectionKind, RequestStatus, WaitReason
from sidecar.telemetry.views import CostView
from tests.browser.looking import Scheme, looking
from tests.browser.made_sidecar import MadeSidecar, served
from tests.telemetry.made import ATTEMPT, CHANGE, REJECTED, REQUEST, VIEW

WIDTHS = (1280, 390)
SCHEMES: tuple[Scheme, ...] = ("light", "dark")

_CONTRAST = """() => {
  const paint = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => (c /= 255) <= 0.04045 ? c / 12.92
      : ((c + 0.055) / 1.055) ** 2.4).reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (node) => {
    for (; node; node = node.parentElement) {
      const [r, g, b, a = 1] = paint(getComputedStyle(node).backgroundColor);
      if (a === 1) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const node of document.querySelectorAll("body *")) {
    const own = [...node.childNodes].some((each) => each.nodeType === 3 && each.data.trim());
    if (!own || !node.checkVisibility() || ["SCRIPT", "STYLE", "TEMPLATE"].includes(node.tagName)) continue;
    const style = getComputedStyle(node);
    const ink = node instanceof SVGElement ? style.fill : style.color;
    const [dark, bright] = [light(paint(ink)), light(ground(node))].sort((a, b) => a - b);
    const ratio = (bright + 0.05) / (dark + 0.05);
    if (ratio < 4.5) poor.push(`${node.tagName}.${node.className?.baseVal ?? node.className} ${ratio.toFixed(2)}`);
  }
  return poor;
}"""


def troubled() -> MadeSidecar:
    """Two minutes in which one model is paced by its provider, one fails and one is well."""
    it = MadeSidecar()
    it.show(VIEW, replace(VIEW, model="well", upstream_limited=False, waiting=0))
    well: list[Event] = [replace(REQUEST, model="well"), replace(ATTEMPT, model="well")]
    failing = replace(REJECTED, model="failing", rejection=RejectionKind.TRANSIENT)
    cut = replace(CHANGE, reason=LimitReason.RATE)
    for turn in range(24):
        it.notify(*[REQUEST] * 10, *[ATTEMPT] * 10, *well * 3, *[failing] * 4)
        it.notify(replace(REQUEST, model="failing", status=RequestStatus.SERVER_ERROR))
        if turn % 6 == 5:
            it.notify(cut, replace(REJECTED, rejection=RejectionKind.OVERLOAD))
        it.sample()
    return it


@pytest.mark.slow
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
async def test_it_fits_is_legible_and_asks_nobody_else(
    chromium: str, width: int, scheme: Scheme
) -> None:
    it = troubled()
    async with served(it), looking(chromium, it.url, width=width, scheme=scheme) as look:
        for figures in await look.page.locator(".card[open] .figures > summary").all():
            await figures.click()
        scroll_width = await look.run("document.documentElement.scrollWidth")
        ground = await look.run("getComputedStyle(document.body).backgroundColor")
        paint = await look.run(
            "performance.getEntriesByName('first-contentful-paint')[0].startTime"
        )
        poor = await look.run(_CONTRAST)
        asked = await look.asked()

    assert scroll_width <= width
    assert (ground == "rgb(14, 18, 24)") == (scheme == "dark")
    assert poor == []
    assert paint < 2000, "some 100 ms on an idle machine; this one may be busy"
    assert look.complaints == []
    assert asked == {f"{it.url}history"}


@pytest.mark.slow
async def test_the_worst_is_told_first_with_what_to_do(chromium: str) -> None:
    it = troubled()
    async with served(it), looking(chromium, it.url) as look:
        word, title = await look.text("#verdict .word"), await look.text("#verdict h2")
        where, action = await look.text("#verdict .where"), await look.text("#verdict .action")
        others = "\n".join(await look.texts("#advice li"))
        names = await look.texts("#overview tbody a")
        tab = await look.page.title()

    assert (word.lower(), title) == ("act now", "Calls fail for the app")
    assert where == "openai / failing"
    assert "status page" in action
    assert "The provider is the bottleneck, not this pod (openai / gpt)" in others
    assert "More pods will not help" in others
    assert names == ["openai / failing", "openai / gpt", "openai / well"]
    assert tab == "✕ Calls fail for the app · llm-sidecar"


@pytest.mark.slow
async def test_the_same_finding_about_several_limits_is_told_once(chromium: str) -> None:
    it = MadeSidecar()
    for number in range(1, 6):
        name = f"model-{number}"
        it.notify(*[replace(REJECTED, model=name)] * 30, *[replace(REQUEST, model=name)] * number)
    it.sample()
    async with served(it), looking(chromium, it.url) as look:
        where, text = await look.text("#verdict .where"), await look.text("#verdict .text")
        others = await look.texts("#advice li")

    assert where == "openai / model-5, openai / model-4, openai / model-3 and 2 more"
    assert text.startswith("openai / model-5: 100 % of 30 attempts")
    assert others == []


@pytest.mark.slow
async def test_nothing_wrong_is_nothing_to_do(chromium: str) -> None:
    it = MadeSidecar()
    it.show(replace(VIEW, upstream_limited=False, waiting=0, wait_reason=None))
    it.notify(*[REQUEST] * 30, *[ATTEMPT] * 30)
    it.sample()
    async with served(it), looking(chromium, it.url) as look:
        assert await look.text("#verdict h2") == "Nothing to do"
        assert await look.text("#verdict .text") == (
            "30 of 30 requests succeeded in the last minute."
        )
        assert await look.text("#overview") == "", "one limit needs no overview"
        assert await look.text(".card h2") == "openai / gpt"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("usd", "unpriced", "shown"),
    [
        (0.0, 3, ("\u2013", "3 answers without a price")),
        (0.0000033, 0, ("< $0.0001", "estimate, since the start")),
        (0.0, 0, ("$0", "estimate, since the start")),
        (12.5, 1, ("$12.50", "1 answer without a price")),
    ],
)
async def test_cost_is_never_taken_for_nothing(
    chromium: str, usd: float, unpriced: int, shown: tuple[str, str]
) -> None:
    it = MadeSidecar()
    it.costs["openai", "gpt"] = CostView("openai", "gpt", usd, unpriced)
    it.notify(REQUEST, ATTEMPT)
    it.sample()
    async with served(it), looking(chromium, it.url) as look:
        tile = await look.texts("#tiles > div:last-child > dd")

    assert tile == list(shown)


@pytest.mark.slow
async def test_without_a_call_it_says_how_to_make_one(chromium: str) -> None:
    it = MadeSidecar()
    async with served(it), looking(chromium, it.url) as look:
        empty, totals = await look.text("#empty"), await look.text("#totals")

    assert "No calls yet" in empty
    assert "OPENAI_BASE_URL=http://127.0.0.1:18080/v1" in empty
    assert totals == ""
    assert look.complaints == []


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS)
async def test_fifty_limits_are_a_list_and_idle_ones_are_folded_away(
    chromium: str, width: int
) -> None:
    it = MadeSidecar()
    for number in range(50):
        name = f"a-model-with-quite-a-long-name-{number}"
        it.show(replace(VIEW, model=name, in_flight=0, waiting=0, upstream_limited=False))
        it.notify(*[replace(REQUEST, model=name)] * (number + 1))
    it.sample(61)
    for number in range(20):
        it.notify(replace(REQUEST, model=f"a-model-with-quite-a-long-name-{number}"))
    it.sample()
    async with served(it), looking(chromium, it.url, width=width) as look:
        assert len(await look.texts("#overview tbody tr")) == 20
        assert await look.page.locator(".card").count() == 20
        assert await look.page.locator(".card[open]").count() == 4
        assert "30 idle limits" in await look.text("#idle summary")
        await look.page.locator("#idle summary").click()
        assert len(await look.texts("#idle tbody tr")) == 30
        assert await look.run("document.documentElement.scrollWidth") <= width
        await look.page.locator("#overview tbody a").last.click()
        assert await look.page.locator(".card[open]").count() == 5
    assert look.complaints == []


@pytest.mark.slow
async def test_a_models_name_is_text_whatever_it_looks_like(chromium: str) -> None:
    names = ["<img src=x onerror=alert(1)>", "</script><script>alert(2)</script>", "__proto__"]
    it = MadeSidecar()
    for name in names:
        it.show(replace(VIEW, model=name, remaining={Unit.REQUESTS: 1.0}))
        it.notify(*[replace(REJECTED, model=name)] * 30, replace(REQUEST, model=name))
        it.notify(replace(CHANGE, model=name))
    it.sample(2)
    async with served(it), looking(chromium, it.url) as look:
        shown = await look.texts(".card h2")
        images = await look.page.locator("img").count()
        asked = await look.asked()

    assert sorted(shown) == sorted(f"openai / {name}" for name in names)
    assert images == 0
    assert look.complaints == []
    assert asked == {f"{it.url}history"}


@pytest.mark.slow
async def test_a_learned_rate_is_told_with_its_figure(chromium: str) -> None:
    it = MadeSidecar()
    it.show(replace(VIEW, wait_reason=WaitReason.LEARNED_RATE))
    it.notify(*[REQUEST] * 30)
    it.sample()
    async with served(it), looking(chromium, it.url) as look:
        assert await look.text("#verdict h2") == "The provider is the bottleneck, not this pod"
        assert "4.75 calls a second" in await look.text("#verdict .text")
