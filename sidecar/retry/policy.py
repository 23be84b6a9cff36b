"""Shall a call that failed be tried again, and when?"""

import math
from dataclasses import dataclass
from enum import Enum

from sidecar.outcomes import RejectionKind
from sidecar.retry.backoff import backoff

_WORTH_A_RETRY = frozenset(
    (RejectionKind.RATE, RejectionKind.RAMP, RejectionKind.OVERLOAD, RejectionKind.TRANSIENT)
)
"""Of the rest, waiting changes nothing: no money, or a request that can never pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryConfig:
    """What an operator may set about retries. Raises ValueError where it cannot work."""

    attempts: int = 3
    """Retries after the first attempt; 0 = none."""
    base_delay: float = 1.0
    """Seconds; the first retry without a hint comes within this, later ones within 2, 4, … times."""
    max_delay: float = 60.0
    """Seconds; no backoff is longer, and no more of a provider's hint is obeyed."""
    budget: float = 0.2
    """Share of the last minute's requests that may be retries, 0 to 1; 10 a minute always may."""

    def __post_init__(self) -> None:
        if self.attempts < 0:
            raise ValueError(f"the number of retries cannot be {self.attempts}")
        if not 0 < self.base_delay <= self.max_delay < math.inf:
            raise ValueError(
                f"the delays need 0 < base <= max, not {self.base_delay} and {self.max_delay}"
            )
        if not 0 <= self.budget <= 1:
            raise ValueError(f"the budget must lie between 0 and 1, not {self.budget}")


@dataclass(frozen=True, slots=True)
class Failure:
    """How an attempt failed, as far as a retry depends on it."""

    kind: RejectionKind | None
    """None = a client's error, or one that another attempt would not change."""
    retry_after: float | None = None
    """Seconds that the provider asked to wait."""
    should_retry: bool | None = None
    """What the provider itself says (`x-should-retry`), if it does."""


class GiveUp(Enum):
    """Nothing more is tried, because …"""

    DISABLED = "disabled"
    """the operator wants no retries: they are the app's business."""
    NOT_REPLAYABLE = "not_replayable"
    """the request's body went through and is not at hand any more; the app still has it."""
    POINTLESS = "pointless"
    """it would fail again, or the provider says so."""
    SPENT = "spent"
    """there were as many attempts as may be."""
    BUDGET = "budget"
    """there were too many retries in the last minute."""
    DEADLINE = "deadline"
    """the app's own deadline for the request would pass meanwhile."""
    SDK_TIMEOUT = "sdk_timeout"
    """the app's SDK would have stopped waiting for this try meanwhile, and has others."""
    NO_PLACE = "no_place"
    """the queue was full, or the wait for a place too long: later there may be one."""

    @property
    def final(self) -> bool:
        """Whether the app should not try either: what could be done was done, or nothing can be."""
        return self not in _LEFT_TO_THE_APP


_LEFT_TO_THE_APP = frozenset(
    (GiveUp.DISABLED, GiveUp.NOT_REPLAYABLE, GiveUp.SDK_TIMEOUT, GiveUp.NO_PLACE)
)


@dataclass(frozen=True, slots=True)
class RetryIn:
    """Another attempt, after so many seconds."""

    seconds: float


class RetryPolicy:
    """Decides; knows nothing of the budget, which is asked last."""

    def __init__(self, config: RetryConfig) -> None:
        self._config = config

    def decide(
        self,
        failure: Failure,
        *,
        retries: int,
        sdk_retries: int,
        replayable: bool,
        time_left: float | None,
        draw: float,
    ) -> RetryIn | GiveUp:
        """What to do after a failure.

        `retries` of ours were made already, `sdk_retries` by the app's SDK for this same call
        (`x-stainless-retry-count`): together they stay within the configured number, or two layers
        would multiply. `time_left` is seconds to the request's deadline, None = there is none;
        `draw` is uniform in [0, 1).
        """
        if not _worthwhile(failure):
            return GiveUp.POINTLESS
        if not self._config.attempts:
            return GiveUp.DISABLED
        if not replayable:
            return GiveUp.NOT_REPLAYABLE
        if retries + sdk_retries >= self._config.attempts:
            return GiveUp.SPENT
        seconds = backoff(
            retries,
            base=self._config.base_delay,
            longest=self._config.max_delay,
            hint=failure.retry_after,
            draw=draw,
        )
        if time_left is not None and seconds >= time_left:
            return GiveUp.DEADLINE
        return RetryIn(seconds)


def _worthwhile(failure: Failure) -> bool:
    """The kind decides; a provider's own word counts where the kind does not forbid a retry."""
    if failure.kind is None:
        return failure.should_retry is True
    return failure.kind in _WORTH_A_RETRY and failure.should_retry is not False
