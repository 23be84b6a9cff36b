"""Whether and when a request is tried again: policy, budget and dice put together."""

from collections.abc import Callable
from typing import Literal

from sidecar.admission import LimitKey
from sidecar.events import Observer, RetryStarted
from sidecar.outcomes import RejectionKind
from sidecar.retry.budget import RetryBudget
from sidecar.retry.policy import Failure, GiveUp, RetryConfig, RetryIn, RetryPolicy

Telling = Literal["exhausted", "always", "never"]
"""When the app's SDK is told not to try again: once we did what we could; whenever a call was
rejected, whoever could retry it; never."""

_SDK_RETRIES = (408, 409, 429)
"""Statuses that the SDKs of OpenAI, Anthropic, Groq, Together and Cohere retry, beside all of 500
and above, unless `x-should-retry` says otherwise (read in their sources)."""


class Retries:
    """Every request's retries, within one budget per (upstream, model)."""

    def __init__(
        self,
        config: RetryConfig,
        telling: Telling,
        *,
        now: Callable[[], float],
        draw: Callable[[], float],
        observer: Observer,
    ) -> None:
        self._policy = RetryPolicy(config)
        self._share = config.budget
        self._telling = telling
        self._now = now
        self._draw = draw
        self._observer = observer
        self._budgets: dict[LimitKey, RetryBudget] = {}

    def request(self, key: LimitKey) -> None:
        """The app made a request."""
        budget = self._budgets.get(key)
        if budget is None:
            budget = self._budgets[key] = RetryBudget(self._share)
        budget.request(self._now())

    def after(
        self,
        failure: Failure,
        key: LimitKey,
        *,
        retries: int,
        sdk_retries: int,
        replayable: bool,
        answer_by: float | None,
    ) -> float | GiveUp:
        """Seconds until the next attempt, or why there is none; see `RetryPolicy.decide`."""
        now = self._now()
        decision = self._policy.decide(
            failure,
            retries=retries,
            sdk_retries=sdk_retries,
            replayable=replayable,
            time_left=None if answer_by is None else answer_by - now,
            draw=self._draw(),
        )
        if not isinstance(decision, RetryIn):
            return decision
        return decision.seconds if self._budgets[key].spend(now) else GiveUp.BUDGET

    def started(self, failure: Failure, key: LimitKey) -> None:
        """Another attempt follows this failure, and has its place."""
        kind = failure.kind or RejectionKind.TRANSIENT  # the provider asked for it
        self._observer.notify(RetryStarted(key.upstream, key.model, kind))

    def stops_sdk(self, http_status: int, why: GiveUp) -> bool:
        """Whether the app's SDK is told not to try this call again either, where it would."""
        would = http_status in _SDK_RETRIES or http_status >= 500
        return would and (self._telling == "always" or (why.final and self._telling != "never"))
