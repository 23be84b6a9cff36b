"""A token bucket and the figures that providers tell about it in their headers."""

from dataclasses import dataclass

from sidecar.simulator.plan import BucketPlan


@dataclass(frozen=True, slots=True)
class Figures:
    """What rate-limit headers say."""

    limit: float
    """Per minute."""
    remaining: float
    """Available now."""
    reset: float
    """Seconds until the bucket is full."""


class TokenBucket:
    """Refilled continuously, starts full."""

    def __init__(self, plan: BucketPlan, *, now: float) -> None:
        self.plan = plan
        self._level = plan.burst
        self._at = now
        self._rate = plan.per_minute / 60

    def __repr__(self) -> str:
        return f"<TokenBucket {self._level:.1f}/{self.plan.burst:g} at {self._at:.1f} s>"

    def wait(self, amount: float, now: float) -> float:
        """Seconds until `amount` can be taken; 0 = now.

        More than a full bucket is asked for like a full one: otherwise it could never pass.
        """
        self._fill(now)
        missing = min(amount, self.plan.burst) - self._level
        # Less than a billionth is rounding: the bucket was asked exactly when it had promised.
        return missing / self._rate if missing > 1e-9 else 0.0

    def take(self, amount: float, now: float) -> None:
        """Take `amount`; only after `wait` said 0."""
        self._fill(now)
        self._level = max(0.0, self._level - amount)

    def figures(self, now: float) -> Figures:
        """What a header would say now."""
        self._fill(now)
        missing = self.plan.burst - self._level
        return Figures(self.plan.per_minute, self._level, missing / self._rate)

    def _fill(self, now: float) -> None:
        if now > self._at:
            self._level = min(self.plan.burst, self._level + (now - self._at) * self._rate)
            self._at = now
