"""What is tried: so many slots, halved and restored on the way, under answers of one kind."""

from dataclasses import dataclass

LEAD = 2.0
"""Seconds from the provider's start to the load's, at most; the first phase is so much longer."""

_BUSY_BOX_SLOTS = 100
"""From here on answers take twice as long: two cores do not carry 1,000 requests a second through
three processes, and then the box is measured, not the law."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One trial."""

    slots: int
    """Requests that the provider runs at once; in the second phase half as many."""
    stream: bool
    """Answers come token by token; otherwise whole."""
    phase: float = 30.0
    """Seconds; there are three."""

    @property
    def name(self) -> str:
        """For tables."""
        return f"{self.slots} slots, {'streamed' if self.stream else 'whole'}"

    @property
    def stretch(self) -> int:
        """Times are multiplied by this."""
        return 2 if self.slots >= _BUSY_BOX_SLOTS else 1

    @property
    def answer_seconds(self) -> float:
        """Mean length of an answer: time to first byte and a log-normal rest."""
        return 0.175 * self.stretch

    @property
    def clients(self) -> int:
        """More than the limit can become before it is stopped, so that there is always a queue."""
        return 3 * self.slots + 20

    @property
    def end(self) -> float:
        """Provider's seconds."""
        return LEAD + 3 * self.phase

    def scenario(self) -> str:
        """The provider's, as TOML."""
        first, second = LEAD + self.phase, LEAD + 2 * self.phase
        half = max(1, self.slots // 2)
        return f"""
title = "{self.name}, halved and restored."
rejection_delay = 0.005
tick = {0.025 * self.stretch}

[service]
ttft_median = {0.04 * self.stretch}
answer_median = {0.12 * self.stretch}
answer_sigma = 0.5
tokens_per_second = {200 // self.stretch}

[capacity.slots]
steps = [
    {{ at = 0, slots = {self.slots} }},
    {{ at = {first}, slots = {half} }},
    {{ at = {second}, slots = {self.slots} }},
]
"""
