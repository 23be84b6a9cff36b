"""How many pods each fleet was given, second by second."""

import asyncio
from collections.abc import Sequence

from tests.cluster.api import Api
from tests.cluster.autoscaling.fleet import LABEL, Fleet

NEAR = 1
"""Pods by which a fleet may be off: the largest of two scrapes counts, and pods are whole."""

STAYS = 60
"""Seconds for which a fleet must stay where it came to rest: as long as push-back counts."""

_SHOWN = 5
"""Seconds between two columns of the table."""


class Record:
    """Of all fleets, from when the autoscaler began."""

    def __init__(self, fleets: Sequence[Fleet]) -> None:
        self._replicas: dict[Fleet, list[int]] = {fleet: [] for fleet in fleets}

    def __str__(self) -> str:
        longest = max(map(len, self._replicas.values()))
        rows = {"seconds": list(range(longest))}
        rows |= {fleet.name: counts for fleet, counts in self._replicas.items()}
        return "\n".join(
            f"{name:>10}" + "".join(f"{number:4}" for number in numbers[::_SHOWN])
            for name, numbers in rows.items()
        )

    @property
    def settled(self) -> bool:
        """Whether every fleet is at rest; one scaled on raw queue depth, at its maximum."""
        return all(self._at_rest(fleet) for fleet in self._replicas)

    async def watch(self, api: Api) -> None:
        """Go on until all have settled."""
        while not self.settled:
            await asyncio.sleep(1)
            workloads = await asyncio.to_thread(api.list, "Deployment", labelSelector=LABEL)
            replicas = {it["metadata"]["namespace"]: it["spec"]["replicas"] for it in workloads}
            for fleet, counts in self._replicas.items():
                counts.append(replicas[fleet.name])

    def highest(self, fleet: Fleet) -> int:
        """Most pods that it ever had."""
        return max(self._replicas[fleet])

    def _at_rest(self, fleet: Fleet) -> bool:
        last = self._replicas[fleet][-STAYS:]
        if fleet.on_queue_depth:
            return last[-1:] == [fleet.most]
        return len(last) == STAYS and all(abs(count - fleet.enough) <= NEAR for count in last)
