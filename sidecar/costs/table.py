"""Shows estimates: a table for people, a document for programs."""

from collections.abc import Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from rich import box
from rich.table import Table

from sidecar.costs.workload import Estimate, Unpriced, Workload, relative

_DIGITS = 4
"""Of amounts below a dollar."""


def table(work: Workload, found: Sequence[Estimate]) -> Table:
    """The estimates in their order; the first, the cheapest, is marked."""
    result = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=0)  # fits 80 columns
    result.add_column("model", overflow="fold")
    result.add_column("provider", overflow="fold")
    for name in ("input\nUSD/M", "output\nUSD/M", "tokens", "USD", "relative"):
        result.add_column(name, justify="right", no_wrap=True)
    for estimate in found:
        offer, cheapest = estimate.offer, estimate is found[0]
        prices = offer.prices.at(work.usage.input)
        result.add_row(
            offer.model,
            f"{offer.provider} (own)" if offer.own else offer.provider,
            *(_price(price) for price in (prices.input, prices.output)),
            _short(_tokens(work)),
            dollars(estimate.usd),
            _relative(relative(estimate.usd, found[0].usd)),
            style="bold green" if cheapest else "",
        )
    return result


def document(
    work: Workload,
    found: Sequence[Estimate],
    unpriced: Sequence[Unpriced],
    *,
    list_version: str | None,
) -> dict[str, Any]:
    """The same for programs: money in USD."""
    return {
        "price_list": list_version and f"genai-prices {list_version}",
        "requests": work.requests,
        "input_tokens": work.usage.input,
        "cached_input_tokens": work.usage.cached_input,
        "output_tokens": work.usage.output,
        "total_tokens": _tokens(work),
        "models": [
            {
                "model": estimate.offer.model,
                "provider": estimate.offer.provider,
                "own_price": estimate.offer.own,
                "usd": float(estimate.usd),
                "usd_per_request": float(estimate.usd / work.requests),
                "relative": _rounded(relative(estimate.usd, found[0].usd)),
            }
            for estimate in found
        ],
        "unpriced": [asdict(one) for one in unpriced],
    }


def conclusion(found: Sequence[Estimate], *, list_version: str | None) -> str:
    """The cheapest, and whence the prices are."""
    best = found[0]
    sources = []
    if any(not estimate.offer.own for estimate in found):
        sources.append(f"the list prices of genai-prices {list_version}")
    if any(estimate.offer.own for estimate in found):
        sources.append("your own price file")
    return (
        f"Cheapest: {best.offer.model} ({best.offer.provider}), {dollars(best.usd)} USD.\n"
        f"An estimate from {' and '.join(sources)}: no discounts, taxes or fees."
    )


def dollars(usd: Decimal) -> str:
    """An amount with cents; below a dollar with the digits that tell something."""
    if usd >= 1 or not usd:
        return f"{usd:,.2f}"
    places = _DIGITS - 1 - usd.adjusted()
    return f"{usd:.{places}f}".rstrip("0").ljust(len("0.00"), "0")


def _price(price: Decimal | None) -> str:
    return "-" if price is None else f"{price.normalize():f}"


def _relative(times: Decimal | None) -> str:
    return "-" if times is None else f"{times:,.1f}x"


def _rounded(times: Decimal | None) -> float | None:
    return None if times is None else round(float(times), 3)


def _short(tokens: int) -> str:
    """Exact below a million, then three digits and a letter."""
    for letter, size in (("T", 10**12), ("G", 10**9), ("M", 10**6)):
        if tokens >= size:
            return f"{tokens / size:,.3g}{letter}" if tokens < 1000 * size else f"{tokens:.2e}"
    return f"{tokens:,}"


def _tokens(work: Workload) -> int:
    return work.requests * (work.usage.input + work.usage.output)
