"""One model's quota is used up: nobody asks in vain, and the other models do not notice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.control.scenario import Target
from benchmarks.push_back.asking import Asking
from benchmarks.push_back.cases.base import LEAD, service
from benchmarks.push_back.trial import Answer, Trial

_POOR, _RICH = "poor", "rich"
_BEFORE = 1 / 6
"""Time before the quota is used up, as part of the whole."""
_PROBE_EVERY = 15.0
"""Seconds: an attempt so often is no asking in vain, but finding out whether the quota is back."""
_IN_FLIGHT = 3
"""Attempts that may be on their way when the first refusal comes, itself included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """From some moment on every answer to one model is `insufficient_quota`."""

    rate: float = 30.0
    """Calls per second, to each of the two models."""
    seconds: float = 60.0
    """That the app asks."""

    @property
    def name(self) -> str:
        """There is one."""
        return "quota"

    @property
    def begin(self) -> float:
        """When the quota is used up, in provider's seconds."""
        return LEAD + self.seconds * _BEFORE

    @property
    def end(self) -> float:
        """When the app asks no more."""
        return LEAD + self.seconds

    @property
    def askings(self) -> Sequence[Asking]:
        """The same for both models."""
        return [Asking(model=model, rate=self.rate) for model in (_POOR, _RICH)]

    @property
    def targets(self) -> Sequence[Target]:
        """The product's promises."""
        probes = (self.end - self.begin) // _PROBE_EVERY
        return [
            Target("in_vain", at_most=_IN_FLIGHT + probes),
            Target("retries", at_most=0.0),
            Target("limit_change", at_most=0.0),
            Target("answer_ms", at_most=50.0),
            Target("others_failed", at_most=0.0),
            Target("others_limit_cut", at_most=0.0),
        ]

    def scenario(self) -> str:
        """Two models without limits, one of them with a purse."""
        return f"""
title = "{self.name}"
[service]
{service(0.18)}
[models.{_POOR}.service]
{service(0.18)}
[[models.{_POOR}.capacity.outages]]
start = {self.begin}
end = 1e9
kind = "quota"
"""

    def figures(self, trial: Trial) -> Mapping[str, float]:
        """After the quota was used up: attempts made `in_vain`, `retries` of the sidecar's on
        that model, how far its limit moved, the 95th percentile of the time in which calls were
        answered, in ms; failures of the other model's calls, and how far its limit fell.

        Then how many calls were refused, and how many of these by the sidecar itself.
        """
        first, last = trial.at(_POOR, self.begin), trial.samples[_POOR][-1]
        rich_first, rich_last = trial.at(_RICH, self.begin), trial.samples[_RICH][-1]
        after = trial.asked(_POOR, self.begin, self.end)
        others = [answer for answer in trial.answers if answer.model == _RICH]
        return {
            "in_vain": last.refused,
            "retries": trial.retries.get(_POOR, 0.0),
            "limit_change": abs(last.limit - first.limit),
            "answer_ms": 1000 * _p95(after),
            "others_failed": sum(answer.status != 200 for answer in others),
            "others_limit_cut": max(0, rich_first.limit - rich_last.limit),
            "refused": sum(answer.status == 429 for answer in after),
            "by_sidecar": sum(answer.reason == "quota_exhausted" for answer in after),
        }


def _p95(answers: Sequence[Answer]) -> float:
    times = sorted(answer.seconds for answer in answers)
    return times[int(0.95 * len(times))] if times else 0.0
