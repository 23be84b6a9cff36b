"""An outage under steady traffic: few attempts are wasted on it, and it is over when it is over."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.control.scenario import Target
from benchmarks.push_back.asking import Asking
from benchmarks.push_back.cases.base import LEAD, service
from benchmarks.push_back.trial import Sample, Trial, attempts

_MODEL = "outage"
_BACK = 0.9
"""Part of what is possible that counts as being back."""
_WINDOW = 3.0
"""Seconds over which that part is averaged."""
_BEFORE_SHARE, _AFTER_SHARE = 1 / 6, 1 / 2
"""Healthy time before and after, as parts of the outage's length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """Every answer is 503 in the first half, and 429 with a hint of half the length in the second."""

    seconds: float = 60.0
    """Length of the outage."""
    rate: float = 50.0
    """Calls per second, throughout."""
    slots: int = 40
    answer_seconds: float = 0.7
    """Mean; slots and answers allow a little more than the calls need."""

    @property
    def name(self) -> str:
        """There is one."""
        return "outage"

    @property
    def begin(self) -> float:
        """Of the outage, in provider's seconds."""
        return LEAD + self.seconds * _BEFORE_SHARE

    @property
    def over(self) -> float:
        """When the outage ends."""
        return self.begin + self.seconds

    @property
    def end(self) -> float:
        """When the app asks no more."""
        return self.over + self.seconds * _AFTER_SHARE

    @property
    def askings(self) -> Sequence[Asking]:
        """Calls that go on regardless."""
        return [Asking(model=_MODEL, rate=self.rate)]

    @property
    def targets(self) -> Sequence[Target]:
        """The product's promises."""
        return [
            Target("attempts", at_most=1.03),
            Target("back", at_most=15.0),
            Target("unanswered", at_most=0.0),
        ]

    def scenario(self) -> str:
        """Slots and two outages in a row."""
        middle = (self.begin + self.over) / 2
        return f"""
title = "{self.name}"
rejection_delay = 0.005
[service]
{service(self.answer_seconds)}
[capacity.slots]
steps = [{{ at = 0, slots = {self.slots} }}]
[[capacity.outages]]
start = {self.begin}
end = {middle}
status = 503
kind = "overload"
[[capacity.outages]]
start = {middle}
end = {self.over}
retry_after = {self.seconds / 2}
"""

    def figures(self, trial: Trial) -> Mapping[str, float]:
        """`attempts` of the provider's per call of the app's in the outage; `back` is seconds from
        its end until 90 % of the slots work, or of the calls' rate is answered.

        `unanswered` calls ended with a broken connection, or not at all; then there is the part of
        the calls made in the outage that were served in the end, in %, and how many were shed.
        """
        first, last = trial.at(_MODEL, self.begin), trial.at(_MODEL, self.over)
        within = trial.asked(_MODEL, self.begin, self.over)
        served = sum(answer.status == 200 for answer in within)
        return {
            "attempts": attempts(first, last) / max(1, len(within)),
            "back": self._back(trial),
            "unanswered": sum(answer.status is None for answer in trial.answers),
            "served_within": 100 * served / max(1, len(within)),
            "shed": sum(answer.reason is not None for answer in trial.answers),
            "failed_after": self._failed_after(trial),
            "retries": trial.retries.get(_MODEL, 0.0),
        }

    def _back(self, trial: Trial) -> float:
        for sample in trial.samples[_MODEL]:
            if self.over <= sample.at <= self.end - _WINDOW:
                until = trial.at(_MODEL, sample.at + _WINDOW)
                if self._part(trial.at(_MODEL, sample.at), until) >= _BACK:
                    return sample.at - self.over
        return math.inf

    def _part(self, first: Sample, last: Sample) -> float:
        """Of what is possible: of all slots, or of what the app asks for."""
        working = (last.busy_seconds - first.busy_seconds) / _WINDOW / self.slots
        return max(working, (last.finished - first.finished) / _WINDOW / self.rate)

    def _failed_after(self, trial: Trial) -> float:
        after = trial.asked(_MODEL, self.over, self.end)
        return 100 * sum(answer.status != 200 for answer in after) / max(1, len(after))
