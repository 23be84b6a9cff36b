"""Processor time of a relayed stream, with the tap and without it by turns.

The sidecar runs in this process, provider and app in another one; there is one stream at a time, so
all that this process does between a stream's head and its end is done for it. What disturbs the
machine disturbs both kinds; the difference is taken pair by pair.
"""

import asyncio
import gc
import io
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, cast

import uvloop

from benchmarks.loopback.processes import HarnessError
from sidecar.app import running
from sidecar.control.law import SUCCESS, LatencyKind
from sidecar.proxy import attempt
from sidecar.proxy.answer import AnswerTap, Ending
from sidecar.settings import Settings
from sidecar.telemetry.logs import make_log

_ROOT = Path(__file__).resolve().parents[2]
_GC_THRESHOLD = 50_000
"""As in `sidecar.app.serve`."""
_WARM_UP = 8
"""Streams that do not count; a multiple of four."""


@dataclass(frozen=True, slots=True)
class ChunkCost:
    """Of one streamed chunk, in seconds of processor time."""

    whole: float
    """All that the sidecar does for it, the tap included."""
    tap: float

    @property
    def share(self) -> float:
        """The tap's part."""
        return self.tap / self.whole


class _Turns:
    """Stands for the class AnswerTap: makes real taps and none by turns, and keeps the times."""

    def __init__(self) -> None:
        self.spent: dict[bool, list[float]] = {True: [], False: []}
        self._begun = 0

    def __call__(self, *what: Any, **more: Any) -> "_Tapped | _Untapped":
        """Tapped, not, not, tapped: neither kind is always the first of its pair."""
        tapped = self._begun % 4 in (0, 3)
        self._begun += 1
        begin = time.process_time()
        made = _Tapped(*what, **more) if tapped else _Untapped(what[2], what[3])
        made.ended = lambda: self.spent[tapped].append(time.process_time() - begin)
        return made


class _Tapped(AnswerTap):
    ended: Any = None

    def finish(self) -> Ending:
        ending = super().finish()
        self.ended()
        assert ending.usage is not None
        return ending


class _Untapped:
    first_byte_at = None

    def __init__(self, permit: Any, sink: Any) -> None:
        self.ended: Any = None
        self._permit = permit
        self.write = sink.write
        self.drain = sink.drain

    def finish(self) -> Ending:
        self._permit.measure(0.001, LatencyKind.FIRST_BYTE)  # the limiter's work, in both kinds
        self.ended()
        return Ending(SUCCESS)

    def broken(self) -> None:
        """Nobody looked."""


def chunk_cost(*, streams: int, events: int, gzip: bool) -> ChunkCost:
    """Relay so many streams with so many events each. Raises HarnessError."""
    turns, module = _Turns(), cast("Any", attempt)
    module.AnswerTap = turns
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_relay(streams + _WARM_UP, events, gzip=gzip))
    finally:
        module.AnswerTap = AnswerTap
    return _judged(turns.spent[True], turns.spent[False], chunks=events + 3)


def _judged(tapped: Sequence[float], untapped: Sequence[float], *, chunks: int) -> ChunkCost:
    pairs = list(zip(tapped, untapped, strict=True))[_WARM_UP // 2 :]
    return ChunkCost(
        whole=median(with_tap for with_tap, _ in pairs) / chunks,
        tap=median(with_tap - without for with_tap, without in pairs) / chunks,
    )


async def _relay(streams: int, events: int, *, gzip: bool) -> None:
    thresholds = gc.get_threshold()
    load = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.metering.load", cwd=_ROOT,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert load.stdin is not None
        assert load.stdout is not None
        port = int(await load.stdout.readline())
        settings = Settings(
            upstream_urls=f"openai=http://127.0.0.1:{port}",
            proxy_port=0,
            admin_host="127.0.0.1",
            admin_port=0,
            limit_mode="fixed",
            dedup_mode="off",
        )
        async with running(settings, make_log("warning", stream=io.BytesIO())) as sidecar:
            gc.collect()
            gc.freeze()
            gc.set_threshold(_GC_THRESHOLD)
            job = {"port": sidecar.proxy_port, "streams": streams, "events": events, "gzip": gzip}
            load.stdin.write(json.dumps(job).encode() + b"\n")
            if await load.wait():
                raise HarnessError("the load failed")
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
        if load.returncode is None:
            load.kill()
            await load.wait()
