"""What an operator may set about a limit."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitConfig:
    """One (upstream, model)'s limit; the same numbers for all of them."""

    initial: int = 10
    """Attempts in flight to start with; from `minimum` to `maximum`."""
    minimum: int = 1
    """The limit never falls below; 1 or more. Above 1 it is unfair to others on the same quota."""
    maximum: int = 256
    """The limit never rises above."""
    decrease: float = 0.9
    """Factor of a cut after push-back, 0.5 to 0.99; among several sharers cuts are deeper."""
    latency_target: float | None = None
    """p95 in seconds to hold; None = learned from the provider."""
    latency_tolerance: float = 2.0
    """A cut is tried when latency exceeds this multiple of its baseline; 1.1 to 20."""

    def __post_init__(self) -> None:
        if self.minimum < 1:
            raise ValueError(f"the minimum limit must be at least 1, not {self.minimum}")
        if not self.minimum <= self.initial <= self.maximum:
            raise ValueError(
                f"the initial limit {self.initial} must lie between"
                f" the minimum {self.minimum} and the maximum {self.maximum}"
            )
        if not 0.5 <= self.decrease <= 0.99:
            raise ValueError(f"the decrease must lie between 0.5 and 0.99, not {self.decrease}")
        if self.latency_target is not None and not self.latency_target > 0:
            raise ValueError(f"the latency target must be above 0 s, not {self.latency_target}")
        if not 1.1 <= self.latency_tolerance <= 20:
            raise ValueError(
                f"the latency tolerance must lie between 1.1 and 20, not {self.latency_tolerance}"
            )
