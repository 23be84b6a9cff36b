"""Finds the prices of a model by what its user calls it."""

from datetime import datetime
from difflib import get_close_matches

from sidecar.cost.listing import is_installed, listed_models, listed_prices, provider_of
from sidecar.cost.price_file import ANY, PriceFile
from sidecar.cost.unit_prices import UnitPrices
from sidecar.costs.workload import Offer
from sidecar.dialects import DIALECTS

_BY_DIALECT = {
    name: dialect.price_provider for name, dialect in DIALECTS.items() if dialect.price_provider
}
_BY_PROVIDER = {provider: name for name, provider in _BY_DIALECT.items()}

_SUGGESTIONS = 3
_ALIKE = 0.6
"""Of 0 to 1; the library's own default."""


def find_offer(name: str, own: PriceFile, when: datetime) -> Offer | None:
    """The offer that a name means; None where no price is known.

    A name is a model's, alone or after an upstream or a provider and a slash. Own prices come
    before the list's. A model that is named alone is looked for at whom its name tells, then at
    all providers that the sidecar knows.
    """
    place, slash, model = name.partition("/")
    if slash:
        found = _offer_of(name, place, model, own, when)
        if found is not None:
            return found
    return _offer_anywhere(name, own, when)


def suggestions(name: str, when: datetime) -> list[str]:
    """Names that are alike and have a listed price, the most alike first."""
    if not is_installed():
        return []
    known: dict[str, str] = {}
    for provider, model in listed_models(_BY_PROVIDER, when):
        shown = f"{_BY_PROVIDER[provider]}/{model}"
        known.setdefault(shown.lower(), shown)
        known.setdefault(model.lower(), shown)
    close = get_close_matches(name.lower(), known, n=2 * _SUGGESTIONS, cutoff=_ALIKE)
    return list(dict.fromkeys(known[text] for text in close))[:_SUGGESTIONS]


def _offer_of(name: str, place: str, model: str, own: PriceFile, when: datetime) -> Offer | None:
    prices = own.prices(place, model)
    if prices is not None:
        return Offer(name, place, prices, own=True)
    listed = _listed(_BY_DIALECT.get(place, place), model, when)
    return None if listed is None else Offer(name, place, listed, own=False)


def _offer_anywhere(name: str, own: PriceFile, when: datetime) -> Offer | None:
    for place in own.places(name):
        prices = own.prices(place, name)
        if prices is not None:
            return Offer(name, "any" if place == ANY else place, prices, own=True)
    if not is_installed():
        return None
    told = provider_of(name, when)
    for provider in (*((told,) if told else ()), *_BY_PROVIDER):
        listed = _listed(provider, name, when)
        if listed is not None:
            return Offer(name, _BY_PROVIDER.get(provider, provider), listed, own=False)
    return None


def _listed(provider: str, model: str, when: datetime) -> UnitPrices | None:
    return listed_prices(provider, model, when) if is_installed() else None
