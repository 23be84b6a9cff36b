"""Understands the nodes of a price file, and collects what is wrong with them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from sidecar.cost.unit_prices import Tier, UnitPrices
from sidecar.cost.yaml_nodes import Entries, Items, Node, Scalar

PRICES = tuple(field.name for field in fields(UnitPrices) if field.name != "tiers")
"""Keys of a model and of a tier."""

MOST_USD = 1_000_000
"""Of a price: a dollar for each token."""

_UPSTREAM = re.compile(r"[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?|\*")
_NUMBER = re.compile(r"(?:0|[1-9]\d{0,9})(?:\.\d{1,20})?(?:[eE][+-]?\d{1,2})?", re.ASCII)
_COUNT = re.compile(r"[1-9]\d{0,11}", re.ASCII)
_SHOWN = 60
"""Characters of a key in a message."""
_MAPPING = "must have keys with values"


class PriceNodes:
    """Reads on after a fault, so that all are told at once."""

    def __init__(self, path: Path) -> None:
        """`path` is for the messages only."""
        self._path = path
        self.problems: list[str] = []
        """A line for each: file, line, key and what is allowed there."""

    def sections(self, root: Node) -> Mapping[str, Mapping[str, UnitPrices]]:
        """Upstreams, their models and those prices."""
        sections: dict[str, Mapping[str, UnitPrices]] = {}
        for name, key, value in self._entries(root, "the file"):
            if not _UPSTREAM.fullmatch(name):
                self._refuse(key, f'{_shown(name)}: must be an upstream\'s name or "*"')
            sections[name] = {
                model: self._model(value, model) for model, _, value in self._entries(value, name)
            }
        return sections

    def _model(self, node: Node, model: str) -> UnitPrices:
        prices: dict[str, Any] = {}
        tiers: Node | None = None
        names: list[str] = []
        for name, key, value in self._entries(node, model):
            names.append(name)
            if name == "tiers":
                tiers = value
            elif name in PRICES:
                prices |= self._price(name, value)
            else:
                self._unknown(key, name, (*PRICES, "tiers"))
        if isinstance(node, Entries) and "input" not in names:
            self._refuse(node, f"{_shown(model)}: needs a price for input")
        base = UnitPrices(**prices)
        return base if tiers is None else replace(base, tiers=tuple(self._tiers(tiers, base)))

    def _tiers(self, node: Node, base: UnitPrices) -> Iterator[Tier]:
        """Each with all of its prices; one that the file leaves out is the one below."""
        if not isinstance(node, Items):
            self._refuse(node, "tiers: must be a list of prices, each with `above`")
            return
        below, prices = 0, base
        for item in node.items:
            above: int | None = None
            for name, key, value in self._entries(item, "tiers"):
                if name == "above":
                    above = self._count(value)
                elif name in PRICES:
                    prices = replace(prices, **self._price(name, value))
                else:
                    self._unknown(key, name, ("above", *PRICES))
            if above is None or above <= below:
                self._refuse(item, f"above: must be a number of tokens, more than {below}")
                continue
            below = above
            yield Tier(above, prices)

    def _price(self, name: str, node: Node) -> dict[str, Any]:
        text = _plain(node)
        if text is not None and _NUMBER.fullmatch(text):
            price = Decimal(text)
            if price <= MOST_USD:
                return {name: price}
        self._refuse(
            node,
            f"{name}: must be a number of USD per million tokens, 0 to {MOST_USD}, without quotes"
            if name != "request"
            else f"{name}: must be a number of USD per request, 0 to {MOST_USD}, without quotes",
        )
        return {}

    def _count(self, node: Node) -> int | None:
        text = _plain(node)
        return int(text) if text is not None and _COUNT.fullmatch(text) else None

    def _entries(self, node: Node, place: str) -> Iterator[tuple[str, Node, Node]]:
        """Name, key and value of a mapping, each name once."""
        if not isinstance(node, Entries):
            self._refuse(node, f"{_shown(place)}: {_MAPPING}")
            return
        seen: set[str] = set()
        for key, value in node.pairs:
            if not isinstance(key, Scalar) or not key.text:
                self._refuse(key, f"{_shown(place)}: a key must be text")
            elif key.text in seen:
                self._refuse(key, f"{_shown(key.text)}: is there twice")
            else:
                seen.add(key.text)
                yield key.text, key, value

    def _unknown(self, key: Node, name: str, known: tuple[str, ...]) -> None:
        self._refuse(key, f"{_shown(name)}: unknown key; known: {', '.join(known)}")

    def _refuse(self, node: Node, problem: str) -> None:
        self.problems.append(f"{self._path}:{node.line}: {problem}")


def _plain(node: Node) -> str | None:
    """The text of a value without quotes."""
    return node.text if isinstance(node, Scalar) and not node.quoted else None


def _shown(name: str) -> str:
    """Part of a message, on one line."""
    return ascii(name[:_SHOWN])[1:-1]
