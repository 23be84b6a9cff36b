"""What every case has."""

from collections.abc import Mapping, Sequence
from math import exp
from typing import Protocol

from benchmarks.control.scenario import Target
from benchmarks.push_back.asking import Asking
from benchmarks.push_back.trial import Trial

LEAD = 2.0
"""Seconds from the provider's start until the app begins to ask."""

_SIGMA = 0.5
_WORDS = 30


class Case(Protocol):
    """One trial: a provider, an app, and what is judged."""

    @property
    def name(self) -> str:
        """For tables; begins with the kind."""

    @property
    def end(self) -> float:
        """Provider's seconds when the app asks no more."""

    @property
    def askings(self) -> Sequence[Asking]:
        """What the app asks."""

    @property
    def targets(self) -> Sequence[Target]:
        """What should come out, by names of figures."""

    def scenario(self) -> str:
        """The provider's, as TOML."""

    def figures(self, trial: Trial) -> Mapping[str, float]:
        """What came out: what is judged first, then what helps to understand it."""


def service(seconds: float) -> str:
    """Fields of a service table: log-normal answers of so many seconds in the mean."""
    return f"""
ttft_median = {0.25 * seconds}
answer_median = {0.75 * seconds / exp(_SIGMA**2 / 2)}
answer_sigma = {_SIGMA}
tokens_per_second = {_WORDS / seconds}
"""
