"""What a limiter's state says at one moment, for gauges and statistics."""

from collections.abc import Iterable
from dataclasses import dataclass

from sidecar.admission.limiter import Limiter
from sidecar.control.demand import Demand


@dataclass(frozen=True, slots=True)
class LimiterView:
    """One limiter, now."""

    upstream: str
    model: str
    in_flight: int
    waiting: int
    limit: int
    admissible_demand: int
    upstream_limited: bool
    p95: float | None
    """Seconds."""
    baseline: float | None
    """Seconds."""


def limiter_views(limiters: Iterable[Limiter], *, maximum: int, now: float) -> list[LimiterView]:
    """Every limiter's state at one moment; `maximum` is the configured one, `now` loop seconds."""
    return [_view(limiter, maximum, now) for limiter in limiters]


def _view(limiter: Limiter, maximum: int, now: float) -> LimiterView:
    law = limiter.law
    demand = Demand(
        in_flight=limiter.in_flight,
        waiting=limiter.waiting,
        limit=law.limit,
        maximum=maximum,
        ceiling=law.ceiling,
        last_push_back_at=law.last_push_back_at,
        now=now,
    )
    return LimiterView(
        upstream=limiter.key.upstream,
        model=limiter.key.model,
        in_flight=limiter.in_flight,
        waiting=limiter.waiting,
        limit=law.limit,
        admissible_demand=demand.admissible,
        upstream_limited=demand.upstream_limited,
        p95=law.p95,
        baseline=law.baseline,
    )
