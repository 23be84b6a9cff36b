"""The JSON of `/stats`: the same counts as the metrics, for people and scripts without Prometheus."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any

from sidecar.control.allowance import Unit
from sidecar.outcomes import RequestStatus, TokenType
from sidecar.telemetry.series import RecentChange, Series, SeriesObserver
from sidecar.telemetry.views import CostView, LimiterView, WebSocketView
from sidecar.version import __version__


class Stats:
    """Puts a snapshot together when asked."""

    def __init__(
        self,
        counts: SeriesObserver,
        views: Callable[[], Iterable[LimiterView]],
        websockets: Callable[[], Iterable[WebSocketView]],
        costs: Callable[[], Iterable[CostView]],
        now: Callable[[], float],
    ) -> None:
        self._counts = counts
        self._views = views
        self._websockets = websockets
        self._costs = costs
        self._now = now
        self._started = now()

    def snapshot(self) -> dict[str, Any]:
        """Everything, now; only what JSON can carry."""
        views = {(view.upstream, view.model): view for view in self._views()}
        keys = sorted({*views, *self._counts.series})
        costs = {(cost.upstream, cost.model): cost for cost in self._costs()}
        limits = [
            _limit(key, self._counts.series.get(key), views.get(key), costs.get(key))
            for key in keys
        ]
        return {
            "version": __version__,
            "uptime_seconds": round(self._now() - self._started, 3),
            "totals": _totals(limits),
            "limits": limits,
            "websockets": [asdict(view) for view in self._websockets()],
            "recent_limit_changes": [_change(recent) for recent in self._counts.recent_changes],
        }


def _limit(
    key: tuple[str, str],
    series: Series | None,
    view: LimiterView | None,
    cost: CostView | None,
) -> dict[str, Any]:
    series = series or Series()
    total, successful = series.requests.total(), series.requests[RequestStatus.OK]
    return {
        "upstream": key[0],
        "model": key[1],
        "total_requests": total,
        "successful_requests": successful,
        "rejected_requests": series.rejections.total(),
        "success_rate": successful / total if total else None,
        "current_concurrency": view.in_flight if view else 0,
        "limit": view.limit if view else None,
        "queue_depth": view.waiting if view else 0,
        "admissible_demand": view.admissible_demand if view else 0,
        "p95_latency_seconds": view.p95 if view else None,
        "baseline_latency_seconds": view.baseline if view else None,
        "upstream_limited": view.upstream_limited if view else False,
        "wait_reason": view.wait_reason if view else None,
        "learned_rate_per_second": view.learned_rate if view else None,
        "provider_remaining": _by_name_of(view.remaining) if view else {},
        "attempts": series.attempts,
        "retries_by_reason": _by_name(series.retries),
        "waits_by_reason": _by_name(series.waits),
        "requests_by_status": _by_name(series.requests),
        "rejections_by_kind": _by_name(series.rejections),
        "shed_by_reason": _by_name(series.shed),
        "tokens": {kind.value: series.tokens[kind] for kind in TokenType},
        "answers_by_usage": _by_name(series.usages),
        "cost_usd": _usd(cost),
        "unpriced_requests": cost.unpriced if cost else 0,
        "dedup_hits": series.dedup_hits,
        "batched_requests": series.batched,
        "prefix_waits": series.prefix_waits,
    }


def _usd(cost: CostView | None) -> float | None:
    """None where nothing had a price: that is not known to be free."""
    return None if cost is None or (cost.unpriced and not cost.usd) else cost.usd


def _by_name(counts: Mapping[Any, int]) -> dict[str, int]:
    return {str(name): count for name, count in counts.items()}


def _by_name_of(remaining: Mapping[Unit, float]) -> dict[str, float]:
    return {unit.value: left for unit, left in remaining.items()}


def _totals(limits: list[dict[str, Any]]) -> dict[str, Any]:
    names = ("total_requests", "successful_requests", "rejected_requests")
    totals = {name: sum(limit[name] for limit in limits) for name in names}
    total = totals["total_requests"]
    rate = totals["successful_requests"] / total if total else None
    costs = [limit["cost_usd"] for limit in limits if limit["cost_usd"] is not None]
    return {
        **totals,
        "success_rate": rate,
        "current_concurrency": sum(limit["current_concurrency"] for limit in limits),
        "queue_depth": sum(limit["queue_depth"] for limit in limits),
        "tokens": {
            kind.value: sum(limit["tokens"][kind.value] for limit in limits) for kind in TokenType
        },
        "cost_usd": sum(costs) if costs else None,
        "unpriced_requests": sum(limit["unpriced_requests"] for limit in limits),
        "dedup_hits": sum(limit["dedup_hits"] for limit in limits),
        "batched_requests": sum(limit["batched_requests"] for limit in limits),
    }


def _change(recent: RecentChange) -> dict[str, Any]:
    change = recent.change
    return {
        "at": recent.at.isoformat(timespec="milliseconds"),
        "upstream": change.upstream,
        "model": change.model,
        "before": change.before,
        "after": change.after,
        "reason": change.reason,
    }
