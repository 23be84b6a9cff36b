"""What a limiter's state says at one moment."""

import pytest

from sidecar.telemetry.views import LimiterView, limiter_views
from tests.admission.callers import Callers
from tests.admission.conftest import MakeLimiter
from tests.fakes.law import ScriptedLaw


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
    )


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
