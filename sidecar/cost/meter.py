"""Adds up what the attempts cost, for each (upstream, model).

A usage is priced with the prices of the time when it ended. Those of the user's own file are at hand;
those of the list are looked up elsewhere, and until they are there usages wait one by one: with
prices that rise above a size of prompt, a sum of usages would not cost the sum of their costs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from sidecar.cost.price_file import PriceFile
from sidecar.cost.unit_prices import UnitPrices
from sidecar.events import AttemptFinished, Event
from sidecar.tokens import Usage

PERIOD = 900
"""Seconds, counted from full hours, that the list's prices surely hold: those that depend on the
time of day change at full or half hours, those that depend on the date at midnight, all UTC."""

MOST_PENDING = 10_000
"""Usages of a model that wait for its prices; more than a second of a large pod's traffic. What
would be more is counted as unpriced."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Of one (upstream, model)."""

    usd: Decimal
    """Of all attempts that could be priced."""
    unpriced: int
    """Attempts whose tokens are known and whose price is not."""
    pending: int
    """Attempts whose prices are being looked up."""


class Prices(Protocol):
    """Where prices are looked up."""

    def look_up(
        self,
        provider: str,
        model: str,
        when: datetime,
        found: Callable[[UnitPrices | None], None],
    ) -> None:
        """Have `found` called later; see PriceList."""
        ...


@dataclass(slots=True)
class _Account:
    model: str
    provider: str | None
    """Where to look its prices up; None where `prices` hold for ever."""
    prices: UnitPrices | None
    period: float | None = None
    """Which one `prices` are of; None where they were not looked up yet."""
    usd: Decimal = Decimal(0)
    unpriced: int = 0
    pending: list[tuple[Usage, datetime]] = field(default_factory=list)
    """What waits for a look-up, in the order of coming; while there is some, one runs."""

    def charge(self, usage: Usage) -> None:
        cost = None if self.prices is None else self.prices.cost(usage)
        if cost is None:
            self.unpriced += 1
        else:
            self.usd += cost


class CostMeter:
    """Listens to attempts; what it knows is read when asked for."""

    def __init__(
        self,
        *,
        own: PriceFile,
        listed: Prices,
        providers: Mapping[str, str | None],
        wall: Callable[[], datetime],
    ) -> None:
        """`providers`: see `price_providers`; an upstream that is not in it has no listed prices."""
        self._own = own
        self._listed = listed
        self._providers = providers
        self._wall = wall
        self._accounts: dict[tuple[str, str], _Account] = {}

    def notify(self, event: Event) -> None:
        """Charge an attempt that tells its tokens."""
        if type(event) is not AttemptFinished or event.usage is None:
            return
        key = (event.upstream, event.model)
        account = self._accounts.get(key)
        if account is None:
            account = self._accounts[key] = self._opened(*key)
        if account.provider is None:
            account.charge(event.usage)
            return
        now = self._wall()
        if account.period == _period(now) and not account.pending:
            account.charge(event.usage)
        elif len(account.pending) >= MOST_PENDING:
            account.unpriced += 1
        else:
            account.pending.append((event.usage, now))
            if len(account.pending) == 1:
                self._look_up(account.provider, account)

    def costs(self) -> Mapping[tuple[str, str], Costs]:
        """By (upstream, model); only those that told of tokens."""
        return {
            key: Costs(account.usd, account.unpriced, len(account.pending))
            for key, account in self._accounts.items()
        }

    def _opened(self, upstream: str, model: str) -> _Account:
        own = self._own.prices(upstream, model)
        provider = None if own is not None else self._providers.get(upstream)
        return _Account(model, provider, own)

    def _look_up(self, provider: str, account: _Account) -> None:
        """Find the prices of the time of the usage that waits longest."""
        when = account.pending[0][1]

        def found(prices: UnitPrices | None) -> None:
            account.period, account.prices = _period(when), prices
            waited, account.pending = account.pending, []
            for place, (usage, since) in enumerate(waited):
                if _period(since) != account.period:
                    account.pending = waited[place:]
                    self._look_up(provider, account)
                    return
                account.charge(usage)

        self._listed.look_up(provider, account.model, when, found)


def _period(when: datetime) -> float:
    return when.timestamp() // PERIOD
