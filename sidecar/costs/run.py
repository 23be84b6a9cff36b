"""Runs the command: finds the prices, shows what they come to."""

import json as _json
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from rich.console import Console

from sidecar.clock import LoopClock
from sidecar.cost.listing import is_installed, list_version
from sidecar.cost.price_file import NO_PRICES, PriceFile, read_price_file
from sidecar.costs.offers import find_offer, suggestions
from sidecar.costs.table import conclusion, document, table
from sidecar.costs.workload import Estimate, Offer, Unpriced, Workload, estimates
from sidecar.errors import ConfigError

_WIDEST = 200
"""Columns where no terminal sets them: names stay in one piece, for grep."""


def run_costs(work: Workload, models: Sequence[str], *, prices: Path | None, json: bool) -> int:
    """Print the comparison; returns the exit code: 0, or 2 where no price is known at all.

    Raises ConfigError for a price file that cannot be read, and where there are no prices at all.
    """
    own = NO_PRICES if prices is None else read_price_file(prices)
    if prices is None and not is_installed():
        raise ConfigError(['there is no list of prices: pip install "llm-sidecar[cost]"'])
    offers, unpriced = _sorted_out(dict.fromkeys(models), own, LoopClock.wall())
    found = estimates(work, offers)
    lacking = {offer.model for offer in offers} - {estimate.offer.model for estimate in found}
    unpriced += [
        Unpriced(name, "no price known for some of its tokens") for name in sorted(lacking)
    ]
    if json:
        text = _json.dumps(document(work, found, unpriced, list_version=list_version()), indent=2)
        print(text)  # noqa: T201  # a command speaks to its user
    else:
        _show(work, found, unpriced)
    return 0 if found else 2


def _sorted_out(
    names: Iterable[str], own: PriceFile, when: datetime
) -> tuple[list[Offer], list[Unpriced]]:
    """The offers, and the names that have none."""
    offers: list[Offer] = []
    unpriced: list[Unpriced] = []
    for name in names:
        offer = find_offer(name, own, when)
        if offer is None:
            unpriced.append(Unpriced(name, "no price known", suggestions(name, when)))
        else:
            offers.append(offer)
    return offers, unpriced


def _show(work: Workload, found: Sequence[Estimate], unpriced: Sequence[Unpriced]) -> None:
    if found:
        console = Console(highlight=False, markup=False)
        if not console.is_terminal:
            console = Console(highlight=False, markup=False, width=_WIDEST)
        console.print(table(work, found))
        console.print(conclusion(found, list_version=list_version()), soft_wrap=True)
    for one in unpriced:
        like = f"; similar: {', '.join(one.similar)}" if one.similar else ""
        print(f"{one.model}: {one.reason}{like}", file=sys.stderr)  # noqa: T201
