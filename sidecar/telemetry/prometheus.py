"""Exports the counts and the limiters' state as Prometheus metrics, when scraped."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.core import (
    Metric as Family,
)
from prometheus_client.registry import Collector

from sidecar.outcomes import UsageSource
from sidecar.telemetry import catalogue as c
from sidecar.telemetry.histogram import Histogram
from sidecar.telemetry.series import Series, SeriesObserver
from sidecar.telemetry.views import CostView, LimiterView, WebSocketView
from sidecar.version import __version__

Rows = Iterable[tuple[tuple[str, ...], float]]


class MetricsCollector(Collector):
    """Turns counts into metric families; nothing here runs while requests are served."""

    def __init__(
        self,
        counts: SeriesObserver,
        views: Callable[[], Iterable[LimiterView]],
        websockets: Callable[[], Iterable[WebSocketView]],
        costs: Callable[[], Iterable[CostView]],
    ) -> None:
        self._counts = counts
        self._views = views
        self._websockets = websockets
        self._costs = costs

    def collect(self) -> Iterator[Family]:
        """All families of the catalogue."""
        items = list(self._counts.series.items())
        yield from _counters(items)
        yield from _histograms(items)
        yield _histogram(c.OVERHEAD, [((), self._counts.overhead)])
        yield from _gauges(list(self._views()))
        yield from _websockets(list(self._websockets()))
        yield from _costs(list(self._costs()))
        yield _gauge(c.BUILD, [((__version__,), 1.0)])


_Items = list[tuple[tuple[str, str], Series]]


def _counters(items: _Items) -> Iterator[Family]:
    plain: tuple[tuple[c.Metric, Callable[[Series], int]], ...] = (
        (c.ATTEMPTS, lambda s: s.attempts),
        (c.RATE_LIMIT_HITS, lambda s: s.rate_limit_hits),
        (c.CLIENT_RETRIES, lambda s: s.client_retries),
        (c.USAGE_ESTIMATED, lambda s: s.usages[UsageSource.ESTIMATED]),
        (c.DEDUP_HITS, lambda s: s.dedup_hits),
        (c.BATCHED, lambda s: s.batched),
        (c.PREFIX_WAITS, lambda s: s.prefix_waits),
    )
    split: tuple[tuple[c.Metric, Callable[[Series], Mapping[Any, int]]], ...] = (
        (c.REQUESTS, lambda s: s.requests),
        (c.REJECTIONS, lambda s: s.rejections),
        (c.RETRIES, lambda s: s.retries),
        (c.WAITS, lambda s: s.waits),
        (c.SHED, lambda s: s.shed),
        (c.LIMIT_CHANGES, lambda s: s.limit_changes),
        (c.TOKENS, lambda s: s.tokens),
        (c.USAGE_MISSING, _missing),
    )
    for metric, read in plain:
        yield _counter(metric, ((key, read(series)) for key, series in items))
    for metric, table in split:
        yield _counter(
            metric,
            (
                ((*key, *_labels(label)), count)
                for key, series in items
                for label, count in table(series).items()
            ),
        )


def _missing(series: Series) -> Mapping[UsageSource, int]:
    unknown = (UsageSource.ABSENT, UsageSource.INVALID)
    return {source: n for source in unknown if (n := series.usages[source])}


def _labels(label: str | tuple[str, ...]) -> tuple[str, ...]:
    return label if isinstance(label, tuple) else (label,)


def _histograms(items: _Items) -> Iterator[Family]:
    yield _histogram(
        c.LATENCY,
        (
            ((*key, endpoint), histogram)
            for key, series in items
            for endpoint, histogram in series.latency.items()
        ),
    )
    yield _histogram(c.FIRST_BYTE, ((key, series.first_byte) for key, series in items))
    yield _histogram(c.QUEUE_WAIT, ((key, series.queue_wait) for key, series in items))


def _gauges(views: list[LimiterView]) -> Iterator[Family]:
    readings: tuple[tuple[c.Metric, Callable[[LimiterView], float | None]], ...] = (
        (c.ACTIVE, lambda v: v.in_flight),
        (c.LIMIT, lambda v: v.limit),
        (c.QUEUE_DEPTH, lambda v: v.waiting),
        (c.DEMAND, lambda v: v.admissible_demand),
        (c.UPSTREAM_LIMITED, lambda v: v.upstream_limited),
        (c.P95, lambda v: v.p95),
        (c.BASELINE, lambda v: v.baseline),
        (c.LEARNED_RATE, lambda v: v.learned_rate),
    )
    for metric, read in readings:
        values = (((view.upstream, view.model), read(view)) for view in views)
        yield _gauge(metric, [(key, float(value)) for key, value in values if value is not None])
    yield _gauge(
        c.REMAINING,
        [
            ((view.upstream, view.model, unit.value), left)
            for view in views
            for unit, left in view.remaining.items()
        ],
    )


def _websockets(views: list[WebSocketView]) -> Iterator[Family]:
    keyed = [((view.upstream, view.model), view) for view in views]
    yield _gauge(c.WEBSOCKETS_OPEN, [(key, view.open) for key, view in keyed])
    yield _counter(c.WEBSOCKETS, [(key, view.opened) for key, view in keyed])


def _costs(views: list[CostView]) -> Iterator[Family]:
    keyed = [((view.upstream, view.model), view) for view in views]
    yield _counter(c.COST, [(key, view.usd) for key, view in keyed])
    yield _counter(c.UNPRICED, [(key, view.unpriced) for key, view in keyed])


def _counter(metric: c.Metric, rows: Rows) -> Family:
    family = CounterMetricFamily(metric.family, metric.help, labels=metric.labels)
    for labels, value in rows:
        family.add_metric(labels, value)
    return family


def _gauge(metric: c.Metric, rows: Rows) -> Family:
    family = GaugeMetricFamily(metric.family, metric.help, labels=metric.labels)
    for labels, value in rows:
        family.add_metric(labels, value)
    return family


def _histogram(metric: c.Metric, rows: Iterable[tuple[tuple[str, ...], Histogram]]) -> Family:
    family = HistogramMetricFamily(metric.family, metric.help, labels=metric.labels)
    for labels, histogram in rows:
        family.add_metric(labels, histogram.cumulative(), histogram.sum)
    return family
