"""The last 15 minutes of every limit, sampled every 5 s: what the dashboard draws and is advised on.

Bounded: a track is about 25 kB, there are at most 51 models for each upstream, and one that saw
nothing for 15 minutes is forgotten. That is 1.3 MB for one busy upstream, 14 MB for eleven.
A sample costs about 15 µs a limit, a document of everything 0.2 ms.
"""

import asyncio
from array import array
from collections.abc import Callable, Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sidecar.control.modes import Mode
from sidecar.outcomes import RejectionKind, RequestStatus, ShedReason, TokenType
from sidecar.telemetry.advice import advise
from sidecar.telemetry.findings import SLOW
from sidecar.telemetry.recent import Recent
from sidecar.telemetry.series import RecentChange, Series, SeriesObserver
from sidecar.telemetry.track import COLUMNS, COUNTS, KEPT, REASONS, UNKNOWN, Track
from sidecar.telemetry.views import CostView, LimiterView

EVERY = 5.0
"""Seconds between samples."""

MINUTE = 12
"""Samples in the stretch that advice is given on."""

_Key = tuple[str, str]
_Counts = tuple[int, ...]


class History:
    """Samples by itself between `start` and `stop`."""

    def __init__(
        self,
        counts: SeriesObserver,
        views: Callable[[], Iterable[LimiterView]],
        costs: Callable[[], Iterable[CostView]],
        *,
        loop: asyncio.AbstractEventLoop,
        wall: Callable[[], datetime],
        mode: Mode,
        maximum: int,
    ) -> None:
        """`mode` and `maximum` are those of the limits, for advice."""
        self._counts = counts
        self._views = views
        self._costs = costs
        self._loop = loop
        self._wall = wall
        self._mode = mode
        self._maximum = maximum
        self._run = _milliseconds(wall())
        self._count = 0
        self._at = array("q", [0]) * KEPT
        self._moves = array("q", [0]) * KEPT
        """How often limits had moved since the start, at each sample."""
        self._tracks: dict[_Key, Track] = {}
        self._before: dict[_Key, _Counts] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"<History {self._count} samples, {len(self._tracks)} limits>"

    def start(self) -> None:
        """Sample every 5 s from now on."""
        self._arm(self._loop.time() + EVERY)

    def stop(self) -> None:
        """Sample no more; what was sampled can still be read."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, when: float) -> None:
        self._timer = self._loop.call_at(when, self._tick, when)

    def _tick(self, due: float) -> None:
        # Armed first: a bug in a sample must not end them all. A late one makes up for nothing.
        self._arm(max(due, self._loop.time() - EVERY) + EVERY)
        self.sample()

    def sample(self) -> None:
        """Take one sample now."""
        number = self._count
        self._at[number % KEPT] = _milliseconds(self._wall())
        self._moves[number % KEPT] = self._moved
        self._count += 1
        views = {(view.upstream, view.model): view for view in self._views()}
        costs = {(cost.upstream, cost.model): cost.usd for cost in self._costs()}
        for key in views.keys() | self._counts.series.keys():
            self._sample_one(key, number, views.get(key), costs.get(key, 0.0))
        for key in [key for key, track in self._tracks.items() if number - track.active_at >= KEPT]:
            del self._tracks[key]

    def _sample_one(self, key: _Key, number: int, view: LimiterView | None, usd: float) -> None:
        series = self._counts.series.get(key)
        total = _counted(series, usd) if series else _NOTHING
        before = self._before.get(key, _NOTHING)
        self._before[key] = total
        gauges = _gauges(view)
        active = total != before or gauges[1] or gauges[2]
        track = self._tracks.get(key)
        if track is None:
            if not active:
                return
            track = self._tracks[key] = Track()
        if active:
            track.active_at = number
        since = [now - then for now, then in zip(total, before, strict=True)]
        moves = sum(1 << place for place, moved in enumerate(since[-len(REASONS) :]) if moved)
        track.put(number, (*gauges, *since[: -len(REASONS)], *_first_bytes(series), moves))

    def document(self, *, since: int | None = None, run: int | None = None) -> dict[str, Any]:
        """All of it, or only what is newer than sample `since` of this `run`; JSON can carry it."""
        end = self._count
        first = max(0, end - KEPT)
        if since is not None and run == self._run and since < end:
            first = max(first, since + 1)
        return {
            "run": self._run,
            "every_seconds": EVERY,
            "first": first,
            "next": end,
            "at": [self._at[number % KEPT] for number in range(first, end)],
            "columns": COLUMNS,
            "reasons": REASONS,
            "limits": [
                {"upstream": key[0], "model": key[1], "values": track.columns(first, end)}
                for key, track in sorted(self._tracks.items())
            ],
            "changes": [_change(recent) for recent in self._changes(first, end)],
            "advice": [
                asdict(each)
                for each in advise(self.recents(), mode=self._mode, maximum=self._maximum)
            ],
        }

    @property
    def _moved(self) -> int:
        return sum(series.limit_changes.total() for series in self._counts.series.values())

    def _changes(self, first: int, end: int) -> list[RecentChange]:
        """Those that happened in these samples, as far as they are remembered."""
        if not end:
            return []
        recent = list(self._counts.recent_changes)
        forgotten = self._moved - len(recent)
        before = self._moves[(first - 1) % KEPT] if first > 0 and end - first < KEPT else 0
        after = self._moves[(end - 1) % KEPT]
        return recent[max(before - forgotten, 0) : max(after - forgotten, 0)]

    def recents(self) -> list[Recent]:
        """The last minute of every limit."""
        views = {(view.upstream, view.model): view for view in self._views()}
        return [
            _recent(key, track, views.get(key), self._count)
            for key, track in sorted(self._tracks.items())
        ]


_NOTHING: _Counts = (0,) * (len(COUNTS) + len(REASONS))


def _counted(series: Series, usd: float) -> _Counts:
    """In the order of `COUNTS`, then by reason of the limit's moves."""
    moves = series.limit_changes
    return (
        series.requests.total(),
        series.requests[RequestStatus.OK],
        series.requests[RequestStatus.CLIENT_ERROR],
        series.requests[RequestStatus.SERVER_ERROR],
        series.requests[RequestStatus.CANCELLED],
        series.attempts,
        series.waits.total(),
        *(series.rejections[kind] for kind in RejectionKind),
        *(series.shed[reason] for reason in ShedReason),
        series.tokens[TokenType.INPUT],
        series.tokens[TokenType.OUTPUT],
        round(usd * 1e6),
        *(moves["up", reason] + moves["down", reason] for reason in REASONS),
    )


def _gauges(view: LimiterView | None) -> tuple[int, ...]:
    """In the order of `GAUGES`; a limiter that was forgotten has no limit and is not used."""
    if view is None:
        return UNKNOWN, 0, 0, 0, 0
    limited = int(view.upstream_limited)
    return view.limit, view.in_flight, view.waiting, view.admissible_demand, limited


def _first_bytes(series: Series | None) -> tuple[int, int, int, int]:
    """In the order of `FIRST_BYTES`; takes what is fresh."""
    if series is None or not series.fresh_first_bytes:
        return 0, 0, UNKNOWN, UNKNOWN
    ordered = sorted(series.fresh_first_bytes)
    series.fresh_first_bytes.clear()
    count = len(ordered)
    p50, p95 = ordered[count // 2], ordered[int(0.95 * count)]
    slow = sum(seconds > SLOW for seconds in ordered)
    return count, slow, round(p50 * 1e6), round(p95 * 1e6)


def _recent(key: _Key, track: Track, view: LimiterView | None, end: int) -> Recent:
    first = max(0, end - MINUTE)
    earlier = max(0, first - MINUTE)

    def total(name: str) -> int:
        return sum(track.known(name, first, end))

    return Recent(
        upstream=key[0],
        model=key[1],
        limit=view.limit if view else 0,
        in_flight=view.in_flight if view else 0,
        waiting=view.waiting if view else 0,
        upstream_limited=view is not None and view.upstream_limited,
        wait_reason=view.wait_reason if view else None,
        learned_rate=view.learned_rate if view else None,
        requests=total("requests"),
        client_errors=total("client_errors"),
        server_errors=total("server_errors"),
        cancelled=total("cancelled"),
        attempts=total("attempts"),
        rejections={kind: total(f"rejected_{kind}") for kind in RejectionKind},
        shed={reason: total(f"shed_{reason}") for reason in ShedReason},
        first_bytes=total("first_bytes"),
        slow_first_bytes=total("slow_first_bytes"),
        worst_p95=max(track.known("p95_us", first, end), default=0) / 1e6,
        succeeded=total("succeeded"),
        succeeded_before=sum(track.known("succeeded", earlier, first)),
        mean_waiting=_mean(track.known("waiting", first, end)),
        mean_waiting_before=_mean(track.known("waiting", earlier, first)),
    )


def _mean(values: list[int]) -> float:
    return sum(values) / len(values) if values else 0.0


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _change(recent: RecentChange) -> dict[str, Any]:
    change = recent.change
    return {
        "at": _milliseconds(recent.at),
        "upstream": change.upstream,
        "model": change.model,
        "before": change.before,
        "after": change.after,
        "reason": change.reason,
    }
