"""The prices that the library genai-prices ships; the only file that imports it.

It takes a tenth of a second and 28 MB to load, so that happens with the first question. Nothing is
fetched over the network: the library's own updates stay off, a new list is a new version of it.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from sidecar.cost.unit_prices import Tier, UnitPrices

if TYPE_CHECKING:
    from genai_prices.types import ModelPrice, PriceCalculation, TieredPrices

_PACKAGE = "genai_prices"

_KEYS = {
    "input": "input_mtok",
    "output": "output_mtok",
    "cached_input": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "cache_write_1h": "cache_write_1h_mtok",
    "input_audio": "input_audio_mtok",
    "output_audio": "output_audio_mtok",
    "reasoning": "output_reasoning_mtok",
}
"""Ours and theirs. What else they price (searches, pages, hours, images) we do not count."""

_REQUESTS = "requests_kcount"
"""Theirs, in USD per thousand requests."""


def is_installed() -> bool:
    """Whether there is a list; cheap: nothing is loaded."""
    return find_spec(_PACKAGE) is not None


def is_loaded() -> bool:
    """Whether the first question was asked already."""
    return _PACKAGE in sys.modules


def list_version() -> str | None:
    """The library's version, which is the list's; None where it is not installed."""
    try:
        return version(_PACKAGE)
    except PackageNotFoundError:
        return None


def listed_prices(provider: str, model: str, when: datetime) -> UnitPrices | None:
    """What a model costs at a provider at a time; None where the list does not tell.

    `provider` is a name of the list's, or the URL of a provider's API. Empty prices in the list,
    which it has for what is free or not known, are no prices.
    """
    found = _find(provider, model, when)
    return None if found is None else unit_prices(found.model_price)


def provider_of(model: str, when: datetime) -> str | None:
    """Whose a model is by its name alone; None where the name tells nobody."""
    found = _find(None, model, when)
    return None if found is None else found.provider.id


def listed_models(providers: Iterable[str], when: datetime) -> Iterator[tuple[str, str]]:
    """Provider and model, of all that have prices with these providers at a time."""
    from genai_prices.data import providers as known

    wanted = set(providers)
    for provider in known:
        if provider.id in wanted:
            for model in provider.models:
                if unit_prices(model.get_prices(when)) is not None:
                    yield provider.id, model.id


def _find(provider: str | None, model: str, when: datetime) -> "PriceCalculation | None":
    from genai_prices import Usage, calc_price

    for name in _spellings(provider, model):
        try:
            if provider is not None and "://" in provider:
                return calc_price(
                    Usage(), name, provider_api_url=provider, genai_request_timestamp=when
                )
            return calc_price(Usage(), name, provider_id=provider, genai_request_timestamp=when)
        except LookupError:
            continue
    return None


def _spellings(provider: str | None, model: str) -> Iterable[str]:
    yield model
    if provider == "google" and "/" in model:
        # Its OpenAI-compatible APIs want `models/gemini-x` or `google/gemini-x`.
        yield model.rpartition("/")[2]


def unit_prices(price: "ModelPrice") -> UnitPrices | None:
    """The library's prices as ours; None where none of them is for LLM tokens."""
    values = {ours: getattr(price, theirs) for ours, theirs in _KEYS.items()}
    if all(value is None for value in values.values()):
        return None
    values["request"] = getattr(price, _REQUESTS)
    above = {tier.start for value in values.values() for tier in getattr(value, "tiers", ())}
    tiers = (Tier(start, UnitPrices(**_chosen(values, start + 1))) for start in sorted(above))
    return UnitPrices(**_chosen(values, 0), tiers=tuple(tiers))


def _chosen(values: "Mapping[str, Decimal | TieredPrices | None]", size: int) -> dict[str, Any]:
    """The prices of requests with so much input."""
    chosen: dict[str, Any] = {}
    for name, value in values.items():
        if value is None:
            continue
        if isinstance(value, Decimal):
            chosen[name] = value
            continue
        passed = [tier.price for tier in value.tiers if size > tier.start]  # by rising start
        chosen[name] = passed[-1] if passed else value.base
    if "request" in chosen:
        chosen["request"] = chosen["request"].scaleb(-3)
    return chosen
