"""Kubernetes' own autoscaler, on what real sidecars export through a real Prometheus.

All fleets run at once, each with a quota of its own. A busy machine makes everything slower, so
nothing here depends on when a thing happens: only on where the fleets come to rest, and on that
they stay there. The README shows a run; `tests/simulation/test_autoscaling.py` tries more of them.
"""

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cluster.api import Api
from tests.cluster.autoscaling.fleet import Fleet
from tests.cluster.autoscaling.record import NEAR, Record
from tests.cluster.autoscaling.scene import autoscaled
from tests.cluster.control_plane import ControlPlane
from tests.cluster.helm import Helm
from tests.helm.tools import tool

MANY, FEW = 120, 30
"""Calls at once: three times the quota, and less than it."""

STARTS = (1, 4, 30)
"""Pods."""

DEADLINE = 300
"""Seconds until all must have come to rest."""

FLEETS = [
    Fleet(name=f"{name}-{start}", start=start, calls=calls, most=40)
    for name, calls in (("many", MANY), ("few", FEW))
    for start in STARTS
]
RUNAWAY = Fleet(name="queue-4", start=4, calls=MANY, most=20, on_queue_depth=True)


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_pods_settle_where_quota_or_demand_is_served_and_raw_queue_depth_runs_away(
    plane: ControlPlane, api: Api, helm4: Helm, tmp_path: Path
) -> None:
    """At ceil(min(D, C) / K), from 1, 4 and 30 pods; with raw queue depth at the maximum."""
    fleets = [*FLEETS, RUNAWAY]
    record = Record(fleets)
    async with autoscaled(
        fleets,
        plane=plane,
        api=api,
        helm=helm4,
        prometheus_binary=tool("prometheus"),
        folder=tmp_path,
    ):
        with suppress(TimeoutError):
            async with asyncio.timeout(DEADLINE):
                await record.watch(api)

    assert record.settled, f"not within {DEADLINE} s; pods:\n{record}"
    for fleet in FLEETS:
        # Until the provider pushes back, nobody can know of the quota: some go too far at first.
        assert record.highest(fleet) <= max(fleet.start, fleet.without_quota + NEAR), record
