"""What a limiter's state says at one moment, for gauges and statistics."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sidecar.admission.limiter import Limiter
from sidecar.control.allowance import Unit
from sidecar.control.demand import Demand
from sidecar.cost.meter import Costs
from sidecar.outcomes import WaitReason


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
    learned_rate: float | None = None
    """Starts per second that the provider was found to bear; None while that is not the limit."""
    remaining: Mapping[Unit, float] = field(default_factory=dict)
    """What the provider's headers say is left, as far as they say it."""
    wait_reason: WaitReason | None = None
    """What the head of the queue waits for; None when nobody waits."""


def limiter_views(limiters: Iterable[Limiter], *, maximum: int, now: float) -> list[LimiterView]:
    """Every limiter's state at one moment; `maximum` is the configured one, `now` loop seconds."""
    return [_view(limiter, maximum, now) for limiter in limiters]


def _view(limiter: Limiter, maximum: int, now: float) -> LimiterView:
    law, wait_reason = limiter.law, limiter.wait_reason
    demand = Demand(
        in_flight=limiter.in_flight,
        waiting=limiter.waiting,
        limit=law.limit,
        maximum=maximum,
        ceiling=law.ceiling,
        last_push_back_at=law.last_push_back_at,
        now=now,
        pace=law.pace,
        exhausted=wait_reason is WaitReason.PROVIDER_HEADERS,
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
        learned_rate=law.pace,
        remaining={
            unit: left for unit in Unit if (left := limiter.rates.remaining(unit, now)) is not None
        },
        wait_reason=wait_reason,
    )


@dataclass(frozen=True, slots=True)
class CostView:
    """What one upstream's model has cost since the start."""

    upstream: str
    model: str
    usd: float
    """An estimate in US dollars."""
    unpriced: int
    """Answers whose tokens are known, but no price."""


def cost_views(costs: Mapping[tuple[str, str], Costs]) -> list[CostView]:
    """By upstream and model, as far as tokens were told; what is being looked up does not count yet."""
    return [CostView(*key, float(cost.usd), cost.unpriced) for key, cost in costs.items()]


@dataclass(frozen=True, slots=True)
class WebSocketView:
    """The WebSockets of one upstream and model, now."""

    upstream: str
    model: str
    open: int
    opened: int
    """Since the start."""


def websocket_views(
    open_now: Mapping[tuple[str, str], int], opened: Mapping[tuple[str, str], int]
) -> list[WebSocketView]:
    """By upstream and model, as far as there ever was one."""
    return [WebSocketView(*key, open_now[key], count) for key, count in opened.items()]
