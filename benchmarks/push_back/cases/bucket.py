"""Many clients before a token bucket, from a cold start: is all of it used, and almost no 429 seen?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Self, get_args

from benchmarks.control.scenario import Target
from benchmarks.push_back.asking import Asking
from benchmarks.push_back.cases.base import LEAD, service
from benchmarks.push_back.trial import Trial

Telling = Literal["silent", "hint", "headers"]
"""What the provider tells: nothing; with a 429 exactly when to come back; that, and with every
answer what is left in the bucket."""

TELLINGS: tuple[Telling, ...] = get_args(Telling)

_MODEL = "bucket"
_MOST_REJECTIONS: Mapping[Telling, float] = {"silent": 1.0, "hint": 1.0, "headers": 0.2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """One bucket."""

    per_minute: float
    """Requests; LLM tokens where the calls state `max_tokens`."""
    burst: float
    answer_seconds: float
    """Mean length of an answer."""
    max_tokens: tuple[int, ...] = ()
    """Stated by the calls in turn; none = the bucket holds requests."""
    telling: Telling = "silent"
    clients: int = 200
    seconds: float = 60.0
    """That the clients ask."""

    def told(self, telling: Telling) -> Self:
        """The same, told otherwise."""
        return replace(self, telling=telling)

    @property
    def name(self) -> str:
        """Kind, rate and burst, telling."""
        unit = "tokens " if self.max_tokens else ""
        return f"bucket {unit}{self.per_minute:g}/{self.burst:g} {self.telling}"

    @property
    def end(self) -> float:
        """When the clients stop."""
        return LEAD + self.seconds

    @property
    def askings(self) -> Sequence[Asking]:
        """Clients without end."""
        return [Asking(model=_MODEL, clients=self.clients, max_tokens=self.max_tokens)]

    @property
    def targets(self) -> Sequence[Target]:
        """The product's promises."""
        return [
            Target("use", at_least=95.0),
            Target("rejections", at_most=_MOST_REJECTIONS[self.telling]),
            Target("failed", at_most=0.0),
        ]

    def scenario(self) -> str:
        """A bucket and nothing else."""
        headers, hint = self.telling == "headers", self.telling != "silent"
        return f"""
title = "{self.name}"
rejection_delay = 0.005
rate_headers = {str(headers).lower()}
[service]
{service(self.answer_seconds)}
[capacity.{"llm_tokens" if self.max_tokens else "requests"}]
per_minute = {self.per_minute}
burst = {self.burst}
hint = {str(hint).lower()}
"""

    def figures(self, trial: Trial) -> Mapping[str, float]:
        """From the first call, when the bucket was full, to the last: what passed of what could.

        `rejections` are per 100 successes, `failed` are calls that did not end with an answer of
        the provider's that the app can use.
        """
        begin, last = trial.answers[0].asked, trial.at(_MODEL, self.end)
        passed = last.accepted_tokens if self.max_tokens else last.accepted
        offered = self.burst + self.per_minute / 60 * (self.end - begin)
        return {
            "use": 100 * passed / offered,
            "rejections": 100 * last.refused / max(1.0, last.finished),
            "failed": sum(answer.status != 200 for answer in trial.answers),
            "answers": last.finished,
            "retries": trial.retries.get(_MODEL, 0.0),
            "limit": last.limit,
        }
