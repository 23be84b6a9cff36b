"""What is scaled, and what is expected of it."""

import math
from dataclasses import dataclass

from tests.cluster.api import Object

PER_POD = 8
"""K: concurrent calls that one pod should own."""
QUOTA = 40
"""C: calls that the provider serves at once for one fleet, whatever its pods."""
WAITING_PER_POD = 2
"""Target of raw queue depth, where a fleet is scaled on it."""

LABEL = "fleet"
"""Of Deployments and pods, with the fleet's name."""

WORKLOAD = "app"
"""Name of every fleet's Deployment: each has a namespace of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """One Deployment in a namespace of its own, with a quota of its own."""

    name: str
    """Also of its namespace, and of the model that its callers ask for."""
    start: int
    """Pods at the beginning."""
    calls: int
    """D: calls that are wanted at once, in all."""
    most: int
    """`maxReplicas`."""
    on_queue_depth: bool = False
    """Whether it is scaled on raw queue depth too."""

    @property
    def enough(self) -> int:
        """Pods that the demand needs, or the quota, where that is less."""
        return math.ceil(min(self.calls, QUOTA) / PER_POD)

    @property
    def without_quota(self) -> int:
        """Pods that the demand would need if there were no quota."""
        return math.ceil(self.calls / PER_POD)

    @property
    def workload(self) -> Object:
        """Its Deployment."""
        labels = {LABEL: self.name}
        return {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": WORKLOAD, "labels": labels},
            "spec": {
                "replicas": self.start,
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {"containers": [{"name": "app", "image": "app"}]},
                },
            },
        }

    @property
    def target(self) -> Object:
        """Its item of the chart's `autoscaling.targets`."""
        return {
            "name": WORKLOAD,
            "namespace": self.name,
            "maxReplicas": self.most,
            "admissibleDemand": PER_POD,
            "behavior": _BEHAVIOR,
            **({"queueDepth": WAITING_PER_POD} if self.on_queue_depth else {}),
        }


def _percent(value: int, *, window: int) -> Object:
    policy = {"type": "Percent", "value": value, "periodSeconds": 6}
    return {"stabilizationWindowSeconds": window, "policies": [policy]}


_BEHAVIOR = {"scaleUp": _percent(50, window=6), "scaleDown": _percent(20, window=20)}
"""The chart's own, in a tenth of the time; downwards a little slower than that, since a scrape is
no faster."""
