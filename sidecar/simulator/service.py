"""How long a simulated provider takes for an answer once it runs."""

from dataclasses import dataclass
from math import exp, log
from random import Random


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePlan:
    """The distributions of times; the defaults resemble a chat model's answers.

    The time to the last byte is `ttft_median` + a log-normal length of the answer, mean 4.1 s.
    """

    ttft_median: float = 0.35
    """Seconds to the first byte, median of a log-normal distribution; above 0."""
    ttft_sigma: float = 0.25
    """Spread of the first byte's time: standard deviation of its logarithm; 0 or more."""
    answer_median: float = 2.6
    """Seconds that the answer takes beyond the first byte, median of a log-normal; above 0."""
    answer_sigma: float = 0.85
    """Spread of the answers' length: standard deviation of its logarithm; 0 or more."""
    tokens_per_second: float = 60.0
    """Output LLM tokens per second of answer; above 0."""

    def __post_init__(self) -> None:
        if min(self.ttft_median, self.answer_median, self.tokens_per_second) <= 0:
            raise ValueError("medians and tokens_per_second of a service must be above 0")
        if min(self.ttft_sigma, self.answer_sigma) < 0:
            raise ValueError("the spreads of a service cannot be negative")


@dataclass(frozen=True, slots=True)
class Service:
    """One answer's times, counted from the moment it starts to run."""

    ttft: float
    """Seconds to the first byte."""
    total: float
    """Seconds to the last byte; at least `ttft`."""
    output_tokens: int
    """1 or more."""


class ServiceTimes:
    """Draws services."""

    def __init__(self, plan: ServicePlan, rng: Random) -> None:
        self.plan = plan
        self._ttft_mu = log(plan.ttft_median)
        self._answer_mu = log(plan.answer_median)
        self._gauss = rng.gauss

    def draw(self, *, ttft_factor: float = 1.0) -> Service:
        """One answer; `ttft_factor` is the slowness for everybody (see Capacity.ttft_factor)."""
        plan = self.plan
        ttft = exp(self._gauss(self._ttft_mu, plan.ttft_sigma))
        answer = exp(self._gauss(self._answer_mu, plan.answer_sigma))
        slow = ttft * (ttft_factor - 1)
        total = max(plan.ttft_median + answer, ttft) + slow
        return Service(ttft + slow, total, max(1, round(answer * plan.tokens_per_second)))
