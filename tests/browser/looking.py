"""Somebody who looks at the dashboard in a real browser."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

from playwright.async_api import ConsoleMessage, Page, async_playwright

Scheme = Literal["light", "dark"]

_ARGUMENTS = [
    "--no-sandbox",  # tests run as root in containers
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip

_HURRY = """
const usual = window.setTimeout;
window.setTimeout = (call, wait, ...rest) => usual(call, wait === 5000 ? %d : wait, ...rest);
"""


_HIDE = """(hidden) => {
  if (hidden) ask();
  Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


class Looking:
    """An open page, with whatever it complained about."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}"))

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    async def text(self, selector: str) -> str:
        """Of the first such element; "" while it is hidden."""
        element = self.page.locator(selector).first
        return await element.inner_text() if await element.is_visible() else ""

    async def texts(self, selector: str) -> list[str]:
        """Of all such elements that are visible."""
        return [
            await element.inner_text()
            for element in await self.page.locator(selector).all()
            if await element.is_visible()
        ]

    async def until(self, expression: str) -> None:
        """Until that holds in the page. Raises TimeoutError.

        Playwright's own waiting evaluates text in the page, which the page's policy forbids.
        """
        async with asyncio.timeout(20):
            while not await self.page.evaluate(expression):  # noqa: ASYNC110  # another process's state
                await asyncio.sleep(0.02)

    async def run(self, expression: str) -> Any:
        """What that comes to in the page."""
        return await self.page.evaluate(expression)

    async def asked(self) -> set[str]:
        """What the page loaded beyond itself, without queries."""
        urls: list[str] = await self.run(
            "performance.getEntriesByType('resource').map((entry) => entry.name)"
        )
        return {url.split("?")[0] for url in urls if not url.startswith("data:")}

    async def stop(self) -> None:
        """Look at another tab while the page asks; what it asked for has arrived."""
        await self.page.evaluate(_HIDE, True)
        await self.until("!asking")

    async def go_on(self) -> None:
        """Look at this tab again."""
        await self.page.evaluate(_HIDE, False)

    async def filled(self) -> None:
        """Until the first answer of the sidecar is shown."""
        await self.until("document.querySelector('#build').textContent !== ''")


@asynccontextmanager
async def looking(
    chromium: str,
    url: str,
    *,
    width: int = 1280,
    scheme: Scheme = "light",
    every: int | None = None,
) -> AsyncIterator[Looking]:
    """The page at `url`; `every` so many milliseconds it asks again, instead of 5 s."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=_ARGUMENTS)
        try:
            page = await browser.new_page(
                viewport={"width": width, "height": 844}, color_scheme=scheme, has_touch=width < 760
            )
            look = Looking(page)
            if every is not None:
                await page.add_init_script(_HURRY % every)
            await page.goto(url)
            await look.filled()
            yield look
        finally:
            await browser.close()
