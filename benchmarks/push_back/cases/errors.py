"""Random errors under an SDK that retries, too: do two layers of retries multiply?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.control.scenario import Target
from benchmarks.push_back.asking import Asking
from benchmarks.push_back.cases.base import LEAD, service
from benchmarks.push_back.trial import Sample, Trial, attempts

_MODEL = "errors"


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """A part of the attempts fails with 500, at random."""

    share: float = 0.1
    rate: float = 30.0
    """Calls per second."""
    seconds: float = 60.0
    """That the app asks."""

    @property
    def name(self) -> str:
        """There is one."""
        return "errors"

    @property
    def end(self) -> float:
        """When the app asks no more."""
        return LEAD + self.seconds

    @property
    def askings(self) -> Sequence[Asking]:
        """OpenAI's SDK with its own two retries."""
        return [Asking(model=_MODEL, rate=self.rate, sdk=True)]

    @property
    def targets(self) -> Sequence[Target]:
        """The product's promises."""
        return [Target("attempts", at_most=1.2), Target("unanswered", at_most=0.0)]

    def scenario(self) -> str:
        """No limit but the dice."""
        return f"""
title = "{self.name}"
[service]
{service(0.18)}
[[capacity.outages]]
start = 0
end = 1e9
status = 500
kind = "transient"
share = {self.share}
"""

    def figures(self, trial: Trial) -> Mapping[str, float]:
        """`attempts` of the provider's per call of the app's, from first to last; calls that
        failed for good, in %; retries of the sidecar's and of the SDK's."""
        calls = len(trial.answers)
        return {
            "attempts": attempts(Sample(at=0), trial.samples[_MODEL][-1]) / max(1, calls),
            "unanswered": sum(answer.status is None for answer in trial.answers),
            "failed": 100 * sum(answer.status != 200 for answer in trial.answers) / max(1, calls),
            "calls": calls,
            "retries": trial.retries.get(_MODEL, 0.0),
            "sdk_retries": trial.client_retries.get(_MODEL, 0.0),
        }
