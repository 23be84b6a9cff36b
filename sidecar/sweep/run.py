"""Puts a sweep together: a first request, level after level, the result."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
from rich.console import Console

from sidecar.errors import ConnectError, SidecarError, UpstreamError, UpstreamTimeoutError
from sidecar.sweep.curve import draw
from sidecar.sweep.level import Level
from sidecar.sweep.load import Load, loading
from sidecar.sweep.order import Order
from sidecar.sweep.plan import next_concurrency
from sidecar.sweep.progress import LiveProgress, PlainProgress, Progress
from sidecar.sweep.table import conclusion, document, table
from sidecar.sweep.tally import Failure

_WIDEST = 110
"""Columns of a table that goes into a file, where there is no terminal to measure."""

_ELSEWHERE = "it redirects; give the URL that it redirects to"
_TASTE = "the request is not to its taste; another --endpoint, or a --body of your own?"
_HINTS = {
    **dict.fromkeys(("301", "302", "303", "307", "308"), _ELSEWHERE),
    "400": _TASTE,
    "401": "the key is missing or wrong",
    "403": "the key may not do this",
    "404": "there is no such path or no such model",
    "405": "there is no such path",
    "413": "the request is too large",
    "422": _TASTE,
}
"""Answers that no lower concurrency would change."""


async def run_sweep(order: Order, *, json: bool) -> int:
    """Measure and print; returns the exit code: 1 where no request of any level succeeded.

    Raises UpstreamError where the first request shows that the rest would be in vain. Ctrl-C ends
    it early, with the levels that have been measured.
    """
    told = Console(stderr=True)
    told.print(f"{order.call.shown_url}  {order.warning()}", highlight=False, soft_wrap=True)
    levels: list[Level] = []
    interrupted = await _measure_until_interrupted(order, levels, told)
    if interrupted:
        told.print(_interrupted(levels), highlight=False, soft_wrap=True)
    if not levels:
        return 1
    _show(order, levels, json=json, interrupted=interrupted)
    if order.svg is not None:
        _write(order.svg, draw(levels, order.targets))
    return 0 if any(level.succeeded for level in levels) else 1


async def _measure_until_interrupted(order: Order, levels: list[Level], told: Console) -> bool:
    """Fills the levels; returns whether Ctrl-C ended it."""
    now = asyncio.get_running_loop().time
    try:
        async with asyncio.timeout(None) as patience:
            with _on_ctrl_c(lambda: patience.reschedule(now())), _progress(told) as progress:
                await _measure(order, levels, progress)
    except TimeoutError:  # the requests' own do not come this far
        return True
    return False


async def _measure(order: Order, levels: list[Level], progress: Progress) -> None:
    async with loading(order.call, timeout=order.timeout) as load:
        await _first_request(order, load)
        while (concurrency := next_concurrency(levels, order.bounds, order.targets)) is not None:
            level = await load.level(concurrency, order.pace, order.targets, progress.started)
            levels.append(level)
            progress.finished(level)


async def _first_request(order: Order, load: Load) -> None:
    """One before all: what fails for the request's own sake must not fail a thousand times."""
    ending = await load.ask()
    if not isinstance(ending, Failure):
        return
    where = order.call.shown_url
    if ending.kind == "no connection":
        raise ConnectError(f"{where}: {ending.detail}")
    if ending.kind == "timeout":
        raise UpstreamTimeoutError(f"{where}: no answer within {order.timeout:g} s (--timeout)")
    if ending.kind in _HINTS:
        hint = _HINTS[ending.kind]
        key = f" (it was {order.credentials})" if ending.kind in ("401", "403") else ""
        raise UpstreamError(f"{where}: the first request was answered {ending.kind}: {hint}{key}")


@contextmanager
def _on_ctrl_c(stop: Callable[[], None]) -> Iterator[None]:
    """Call this at the first one; a second one ends the process as if nothing held it."""
    loop = asyncio.get_running_loop()

    def once() -> None:
        loop.remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        stop()

    before = signal.getsignal(signal.SIGINT)
    loop.add_signal_handler(signal.SIGINT, once)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, before)


def _write(file: Path, picture: str) -> None:
    try:
        file.write_text(picture, encoding="utf-8")
    except OSError as error:  # it could be written before the load
        raise SidecarError(f"--svg {file}: cannot be written: {error.strerror or error}") from error


def _progress(console: Console) -> Progress:
    return LiveProgress(console) if console.is_terminal else PlainProgress(console)


def _interrupted(levels: list[Level]) -> str:
    if not levels:
        return "Interrupted before the first level was measured."
    return "Interrupted: the search was not at its end."


def _show(order: Order, levels: list[Level], *, json: bool, interrupted: bool) -> None:
    if json:
        result = {"url": order.call.shown_url} | document(
            levels, order.targets, interrupted=interrupted
        )
        print(orjson.dumps(result, option=orjson.OPT_INDENT_2).decode())  # noqa: T201  # a command's output
        return
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDEST)
    console.print(table(levels, order.targets))
    sentence = conclusion(levels, order.bounds, order.targets)
    console.print(sentence, highlight=False, soft_wrap=True)
