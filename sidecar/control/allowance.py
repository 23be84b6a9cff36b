"""What a provider's headers tell of one of its rate limits."""

from dataclasses import dataclass
from enum import Enum


class Unit(Enum):
    """What is counted."""

    REQUESTS = "requests"
    TOKENS = "tokens"


@dataclass(frozen=True, slots=True)
class Allowance:
    """One limit's state when the provider answered; unknown figures are None, never guessed."""

    unit: Unit
    limit: float | None
    """Of a full window or bucket; None = not told."""
    remaining: float | None
    """What was left after the request that this answers; None = not told, or told as unknown."""
    reset: float | None
    """Seconds until all of it is there again (not until one more may pass); None = not told."""
