"""What is to be paid for, and what that costs."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from sidecar.cost.unit_prices import UnitPrices
from sidecar.errors import ConfigError
from sidecar.tokens import Usage


@dataclass(frozen=True, slots=True)
class Workload:
    """Equal requests."""

    requests: int
    """1 or more."""
    usage: Usage
    """Of each."""


def workload(
    *, requests: int, input_tokens: int, output_tokens: int, cached_input_tokens: int
) -> Workload:
    """So many requests with so many tokens each.

    Raises ConfigError where more input is cached than there is.
    """
    if cached_input_tokens > input_tokens:
        raise ConfigError(["--cached-input-tokens: must not be more than --input-tokens"])
    return Workload(requests, Usage(input_tokens, output_tokens, cached_input_tokens))


@dataclass(frozen=True, slots=True)
class Offer:
    """A model's prices at one place."""

    model: str
    """As it was asked for."""
    provider: str
    """Who has it."""
    prices: UnitPrices
    own: bool
    """Whether the user's own file says it."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the workload costs by one offer."""

    offer: Offer
    usd: Decimal


@dataclass(frozen=True, slots=True)
class Unpriced:
    """A model for which no estimate can be made."""

    model: str
    """As it was asked for."""
    reason: str
    """For people."""
    similar: Sequence[str] = ()
    """What may have been meant."""


def estimates(work: Workload, offers: Sequence[Offer]) -> list[Estimate]:
    """The cheapest first; without offers that have no price for what the workload uses."""
    found = []
    for offer in offers:
        each = offer.prices.cost(work.usage)
        if each is not None:
            found.append(Estimate(offer, each * work.requests))
    return sorted(found, key=lambda estimate: estimate.usd)


def relative(usd: Decimal, cheapest: Decimal) -> Decimal | None:
    """How many times the cheapest; None where that one is free and this one is not."""
    if usd == cheapest:
        return Decimal(1)
    return usd / cheapest if cheapest else None
