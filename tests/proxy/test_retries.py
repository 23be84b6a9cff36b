"""Policy, budget and dice put together."""

import pytest

from sidecar.admission import LimitKey
from sidecar.events import RetryStarted
from sidecar.outcomes import RejectionKind
from sidecar.proxy.retries import Retries, Telling
from sidecar.retry.policy import Failure, GiveUp, RetryConfig
from tests.fakes.observer import RecordingObserver

KEY = LimitKey("openai", "m")
RATE = Failure(RejectionKind.RATE)


class Setting:
    """Retries at a time that the test sets."""

    def __init__(self, telling: Telling = "exhausted") -> None:
        self.now = 100.0
        self.observer = RecordingObserver()
        self.retries = Retries(
            RetryConfig(),
            telling,
            now=lambda: self.now,
            draw=lambda: 0.5,
            observer=self.observer,
        )
        self.retries.request(KEY)

    def after(self, failure: Failure = RATE, answer_by: float | None = None) -> float | GiveUp:
        return self.retries.after(
            failure, KEY, retries=0, sdk_retries=0, replayable=True, answer_by=answer_by
        )


def test_a_retry_is_told_when_it_starts_with_what_had_failed() -> None:
    it = Setting()

    assert it.after() == 0.5
    assert it.observer.events == []
    it.retries.started(RATE, KEY)
    assert it.observer.events == [RetryStarted("openai", "m", RejectionKind.RATE)]


def test_a_retry_that_the_provider_asked_for_counts_as_transient() -> None:
    it = Setting()
    it.retries.started(Failure(None, should_retry=True), KEY)

    assert it.observer.of(RetryStarted)[0].reason is RejectionKind.TRANSIENT


def test_the_deadline_is_held_against_the_clock() -> None:
    it = Setting()

    assert it.after(answer_by=100.4) is GiveUp.DEADLINE
    assert it.after(answer_by=100.6) == 0.5


def test_the_budget_ends_them_and_is_not_spent_on_what_is_given_up() -> None:
    it = Setting()
    for _ in range(20):
        it.after(answer_by=100.4)
    found = [it.after() for _ in range(11)]

    assert found == [0.5] * 10 + [GiveUp.BUDGET]


@pytest.mark.parametrize(
    ("telling", "why", "stops"),
    [
        ("exhausted", GiveUp.SPENT, True),
        ("exhausted", GiveUp.DISABLED, False),
        ("always", GiveUp.DISABLED, True),
        ("never", GiveUp.SPENT, False),
    ],
)
@pytest.mark.parametrize("status", [408, 409, 429, 500, 503, 529])
def test_when_the_apps_sdk_is_stopped(
    telling: Telling, why: GiveUp, stops: bool, status: int
) -> None:
    assert Setting(telling).retries.stops_sdk(status, why) is stops


@pytest.mark.parametrize("status", [400, 402, 413, 498])
def test_what_no_sdk_tries_again_is_left_as_it_is(status: int) -> None:
    assert not Setting("always").retries.stops_sdk(status, GiveUp.POINTLESS)
