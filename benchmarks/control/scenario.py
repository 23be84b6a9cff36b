"""What a scenario is: a hidden capacity, a demand, what is counted, and what should come out."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sidecar.simulator.plan import CapacityPlan
from sidecar.simulator.service import ServicePlan


@dataclass(frozen=True, slots=True)
class Target:
    """One column of a row."""

    measure: str
    """Name of a figure of the record; see `Record.figures`."""
    at_least: float | None = None
    at_most: float | None = None

    def met(self, value: float) -> bool:
        """Whether the value satisfies the target."""
        low = self.at_least is None or value >= self.at_least
        return low and (self.at_most is None or value <= self.at_most)

    def __str__(self) -> str:
        return f"≥ {self.at_least:g}" if self.at_least is not None else f"≤ {self.at_most:g}"


@dataclass(frozen=True, slots=True)
class Reach:
    """How long after `at` until so many run at once."""

    at: float
    """Seconds since the start."""
    running: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One row of the table."""

    name: str
    title: str
    plan: CapacityPlan
    targets: tuple[Target, ...]
    service: ServicePlan = field(default_factory=ServicePlan)
    clients: int = 1
    """Sidecars that share the provider, each with a law of its own."""
    stagger: float = 1.0
    """Seconds within which the clients join."""
    demand: float | None = None
    """Requests per second and client, Poisson; None = there is always somebody waiting."""
    duration: float = 900.0
    """Seconds."""
    counted_from: float = 300.0
    """Seconds: what happened before is not in the figures, except `reach` and `all_rejections`."""
    spans: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Further goodputs by name, each over a span of its own (seconds)."""
    reach: Reach | None = None
    costly: bool = False
    """Other laws storm here and take minutes, so they play it only where they are named."""
