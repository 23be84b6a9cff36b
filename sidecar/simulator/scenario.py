"""Scenarios: a provider's hidden behaviour as a TOML file, read strictly.

Shipped ones are named after their files in `scenarios/`; `names()` lists them. Every table mirrors
a dataclass field by field, so the documentation of the keys stands there: `Scenario` here,
`CapacityPlan` in `plan`, `ServicePlan` in `service`. An optional count may be "unlimited".
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sidecar.errors import ConfigError
from sidecar.simulator.decode import Decoder
from sidecar.simulator.directive import Directive
from sidecar.simulator.directive import parse as parse_directive
from sidecar.simulator.plan import CapacityPlan
from sidecar.simulator.service import ServicePlan

_SHIPPED = Path(__file__).parent / "scenarios"
_SUFFIX = ".toml"
DEFAULT_MODELS = ("sim-large", "sim-small", "sim-embedding")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chance:
    """A directive that strikes at random."""

    simulate: str
    """A directive, as in the header `x-simulate`."""
    probability: float
    """Part of the requests that it strikes, 0 to 1."""
    directive: Directive = field(init=False)

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise ValueError(f"probability must be between 0 and 1, not {self.probability}")
        object.__setattr__(self, "directive", parse_directive(self.simulate))


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPlan:
    """One model's limits and times."""

    capacity: CapacityPlan = field(default_factory=CapacityPlan)
    service: ServicePlan = field(default_factory=ServicePlan)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A provider's hidden behaviour."""

    title: str
    """One sentence for people."""
    seed: int = 1
    """Of all dice."""
    deterministic: bool = False
    """Ids, dates, times and lengths of answers depend on the request alone."""
    rate_headers: bool = False
    """Answers tell what is left of the rate limits."""
    rejection_delay: float = 0.0
    """Seconds before a rejection is answered."""
    tick: float = 0.01
    """Seconds; tokens of a stream closer together than this go out together."""
    keep_alive: float = 0.0
    """Seconds between keep-alive comments before the first token of a stream; 0 = none."""
    listed: tuple[str, ...] = DEFAULT_MODELS
    """What the list of models names; all other names are served too."""
    capacity: CapacityPlan = field(default_factory=CapacityPlan)
    """Of each model; models do not share it."""
    service: ServicePlan = field(default_factory=ServicePlan)
    """Of each model."""
    chances: tuple[Chance, ...] = ()
    """The first one that strikes counts."""
    models: Mapping[str, ModelPlan] = field(default_factory=lambda: MappingProxyType({}))
    """Models with a plan of their own; what such a plan leaves out is unlimited or default."""
    name: str = field(default="unnamed", metadata={"key": False})
    """From the file's name."""

    def plan(self, model: str) -> ModelPlan:
        """A model's limits and times."""
        return self.models.get(model) or ModelPlan(capacity=self.capacity, service=self.service)


def names() -> list[str]:
    """The shipped scenarios."""
    return sorted(path.stem for path in _SHIPPED.glob(f"*{_SUFFIX}"))


def load(name_or_path: str | Path) -> Scenario:
    """A shipped scenario by its name, or any by its path; ConfigError says what is wrong."""
    path = _find(name_or_path)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise ConfigError([f"{path.name}: cannot be read: {exc.strerror}"]) from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ConfigError([f"{path.name}: not TOML: {exc}"]) from exc
    return read(table, path.name)


def _find(name_or_path: str | Path) -> Path:
    text = str(name_or_path)
    if text in names():
        return _SHIPPED / f"{text}{_SUFFIX}"
    if text.endswith(_SUFFIX):
        return Path(text)
    raise ConfigError([f"scenario {text!r}: unknown; known: {', '.join(names())}, or a .toml file"])


def read(table: Mapping[str, Any], file: str = "scenario") -> Scenario:
    """A scenario from a parsed TOML document; `file` is named in complaints."""
    decoder = Decoder(file)
    scenario = decoder.decode(Scenario, table)
    if scenario is None:
        raise ConfigError(decoder.problems)
    return replace(scenario, name=file.removesuffix(_SUFFIX))
