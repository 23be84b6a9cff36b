"""What an autoscaler should know: how much of the demand more pods could serve.

A pod whose queue is local asks for company; one that the provider holds back does not: more pods
would only share the same quota. See README, "Scale".
"""

from dataclasses import dataclass

_HOLD = 60.0
"""Seconds for which a push-back counts: two scrapes and two decisions of an autoscaler."""


@dataclass(frozen=True, slots=True)
class Demand:
    """One limiter's demand, now."""

    in_flight: int
    waiting: int
    limit: int
    maximum: int
    """Of the limit, as configured."""
    ceiling: float | None
    """Where the provider pushed back last, if it ever did."""
    last_push_back_at: float | None
    """Loop seconds of the last cut by push-back."""
    now: float
    """Loop seconds."""
    pace: float | None = None
    """Starts per second that the provider was found to bear; None while they are not paced."""
    exhausted: bool = False
    """Whether the queue waits because the provider's headers say that nothing is left."""

    @property
    def upstream_limited(self) -> bool:
        """Whether the provider, not this pod, is the bottleneck."""
        last = self.last_push_back_at
        if (
            self.exhausted
            or self.pace is not None
            or (last is not None and self.now - last <= _HOLD)
        ):
            return True
        return self.ceiling is not None and self.limit < self.maximum and self.waiting > 0

    @property
    def admissible(self) -> int:
        """Attempts that could run if there were pods enough; the metric to scale on."""
        demand = self.in_flight + self.waiting
        if self.pace is not None or self.exhausted:
            # The limit leaves room then; what the rate sustains is what is in flight.
            return min(demand, max(self.in_flight, 1))
        return min(demand, self.limit) if self.upstream_limited else demand
