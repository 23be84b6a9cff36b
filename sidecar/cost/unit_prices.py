"""PURE. What LLM tokens cost, and what a usage costs by that."""

from dataclasses import dataclass
from decimal import Decimal

from sidecar.tokens import Usage

_MILLIONTH = -6
"""Exponent of ten: prices are per million tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitPrices:
    """USD per million LLM tokens, 0 or more; exact.

    A part's price of None means that the part costs what the whole costs that it belongs to:
    cached input is then charged like any input.
    """

    input: Decimal | None = None
    """Of all input that none of the parts below take off."""
    output: Decimal | None = None
    """Of all output that none of the parts below take off; None for models that make none."""
    cached_input: Decimal | None = None
    cache_write: Decimal | None = None
    cache_write_1h: Decimal | None = None
    """None: what `cache_write` costs."""
    input_audio: Decimal | None = None
    output_audio: Decimal | None = None
    reasoning: Decimal | None = None
    request: Decimal = Decimal(0)
    """USD for each request, whatever its size."""
    tiers: tuple["Tier", ...] = ()
    """Prices for longer prompts, by rising threshold."""

    def cost(self, usage: Usage) -> Decimal | None:
        """USD for one request; None where a price that it needs is missing.

        A part with a price of its own is taken off its whole, so that no token is paid twice: from
        the input first what was read from a cache, then what was written to one, then sound; from
        the output first thoughts, then sound. Parts that claim more than the whole has left get
        what is left: sound that may have been cached as well counts as cached.
        """
        prices = self.at(usage.input) if self.tiers else self
        given, made = _input(prices, usage), _output(prices, usage)
        if given is None or made is None:
            return None
        return (given + made).scaleb(_MILLIONTH) + prices.request

    def at(self, size: int) -> "UnitPrices":
        """The prices of requests with so many LLM tokens of input."""
        for tier in reversed(self.tiers):
            if size > tier.above:
                return tier.prices
        return self


@dataclass(frozen=True, slots=True)
class Tier:
    """Prices of requests whose input is larger; they are for all of its tokens."""

    above: int
    """LLM tokens of input, cached ones included; exactly so many still cost what is below."""
    prices: UnitPrices
    """All of them; tiers within a tier have no meaning."""


_ZERO = Decimal(0)


def _input(prices: UnitPrices, usage: Usage) -> Decimal | None:
    """Millionths of USD."""
    total, rest = _ZERO, usage.input
    if usage.cached_input and prices.cached_input is not None:
        part = min(usage.cached_input, rest)
        total, rest = total + prices.cached_input * part, rest - part
    if usage.cache_write:
        part = min(usage.cache_write, rest)
        hour = min(usage.cache_write_1h, part)
        for price, count in (
            (prices.cache_write if prices.cache_write_1h is None else prices.cache_write_1h, hour),
            (prices.cache_write, part - hour),
        ):
            if price is not None:
                total, rest = total + price * count, rest - count
    if usage.input_audio and prices.input_audio is not None:
        part = min(usage.input_audio, rest)
        total, rest = total + prices.input_audio * part, rest - part
    return _with_rest(total, prices.input, rest)


def _output(prices: UnitPrices, usage: Usage) -> Decimal | None:
    """Millionths of USD."""
    total, rest = _ZERO, usage.output
    if usage.reasoning and prices.reasoning is not None:
        part = min(usage.reasoning, rest)
        total, rest = total + prices.reasoning * part, rest - part
    if usage.output_audio and prices.output_audio is not None:
        part = min(usage.output_audio, rest)
        total, rest = total + prices.output_audio * part, rest - part
    return _with_rest(total, prices.output, rest)


def _with_rest(total: Decimal, price: Decimal | None, rest: int) -> Decimal | None:
    if not rest:
        return total
    return None if price is None else total + price * rest
