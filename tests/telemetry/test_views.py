"""What a limiter's state says at one moment."""

from collections import Counter

import pytest

from sidecar.control.allowance import Unit
from sidecar.outcomes import WaitReason
from sidecar.telemetry.views import (
    LimiterView,
    WebSocketView,
    limiter_views,
    websocket_views,
)
from tests.admission.callers import Callers
from tests.admission.conftest import MakeLimiter
from tests.fakes.law import ScriptedLaw
from tests.fakes.rates import ScriptedRates


async def test_a_view_shows_places_queue_and_what_the_law_knows(
    make_limiter: MakeLimiter,
) -> None:
    law = ScriptedLaw(limit=2)
    law.p95, law.baseline = 0.75, 0.5
    limiter = make_limiter(law)
    async with Callers(limiter) as callers:
        await callers.ask(5)
        (view,) = limiter_views([limiter], maximum=256, now=1000.0)

    assert view == LimiterView(
        upstream="openai",
        model="gpt",
        in_flight=2,
        waiting=3,
        limit=2,
        admissible_demand=5,
        upstream_limited=False,
        p95=0.75,
        baseline=0.5,
        wait_reason=WaitReason.LIMIT,
    )


async def test_a_view_shows_what_the_provider_told_and_what_was_learned(
    make_limiter: MakeLimiter,
) -> None:
    law = ScriptedLaw(limit=2)
    law.pace = 4.75
    rates = ScriptedRates()
    rates.left = {Unit.TOKENS: 400.0}
    (view,) = limiter_views([make_limiter(law, rates)], maximum=256, now=0.0)

    assert view.learned_rate == 4.75
    assert view.remaining == {Unit.TOKENS: 400.0}
    assert view.wait_reason is None


@pytest.mark.parametrize(("maximum", "ago"), [(256, None), (2, 30.0)])
async def test_demand_is_capped_while_the_provider_is_the_bottleneck(
    make_limiter: MakeLimiter, maximum: int, ago: float | None
) -> None:
    """Its push-back is fresh, or people wait below the level at which it pushed back."""
    law = ScriptedLaw(limit=2)
    law.ceiling = 3.0
    law.last_push_back_at = None if ago is None else 1000.0 - ago
    limiter = make_limiter(law)
    async with Callers(limiter) as callers:
        await callers.ask(5)
        (view,) = limiter_views([limiter], maximum=maximum, now=1000.0)

    assert view.upstream_limited
    assert view.admissible_demand == 2


def test_no_limiters_no_views() -> None:
    assert limiter_views([], maximum=256, now=0.0) == []


def test_websockets_that_are_closed_were_opened_all_the_same() -> None:
    key, other = ("openai", "gpt"), ("openai", "realtime")

    views = websocket_views(Counter({key: 2}), Counter({key: 5, other: 1}))

    assert views == [WebSocketView(*key, open=2, opened=5), WebSocketView(*other, 0, 1)]
