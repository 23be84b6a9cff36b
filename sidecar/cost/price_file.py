"""The user's own prices: a YAML file.

    openai:                     # an upstream's name, or "*" for all of them
      my-fine-tune:             # a model as requests name it, or a pattern with * and ?
        input: 3                # USD per million LLM tokens
        output: 12
        cached_input: 1.5
      "gpt-5*": {input: 1, output: 8}
    "*":
      "llama-*":
        input: 0.2
        output: 0.2
        tiers:                  # for prompts longer than so many tokens; the rest stays as above
          - {above: 128000, input: 0.4}

An upstream's own section counts before that of "*"; within a section a model's own name counts
before patterns, and the first pattern in the file's order that fits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from sidecar.cost.price_nodes import PriceNodes
from sidecar.cost.unit_prices import UnitPrices
from sidecar.cost.yaml_nodes import read_nodes
from sidecar.errors import ConfigError

ANY = "*"
"""The section of all upstreams."""


@dataclass(frozen=True, slots=True)
class PriceFile:
    """Prices by upstream and model, in the file's order; without sections it has no price."""

    sections: Mapping[str, Mapping[str, UnitPrices]]

    def prices(self, upstream: str, model: str) -> UnitPrices | None:
        """Of a model at an upstream; None where the file does not tell."""
        for name in (upstream, ANY):
            found = _matched(self.sections.get(name, {}), model)
            if found is not None:
                return found
        return None

    def places(self, model: str) -> Sequence[str]:
        """The sections that have a price for a model, in the file's order."""
        return [name for name, models in self.sections.items() if _matched(models, model)]


NO_PRICES = PriceFile({})


def read_price_file(path: Path) -> PriceFile:
    """The prices in a file.

    Raises ConfigError with one line for each fault: the file, the line, the key and what is allowed.
    """
    nodes = PriceNodes(path)
    root = read_nodes(path)
    sections = {} if root is None else nodes.sections(root)
    if nodes.problems:
        raise ConfigError(nodes.problems)
    return PriceFile(sections)


def _matched(models: Mapping[str, UnitPrices], model: str) -> UnitPrices | None:
    exact = models.get(model)
    if exact is not None:
        return exact
    return next((prices for name, prices in models.items() if fnmatchcase(model, name)), None)
