"""Whether to try again."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.outcomes import RejectionKind
from sidecar.retry.policy import Failure, GiveUp, RetryConfig, RetryIn, RetryPolicy

RETRIED = [RejectionKind.RATE, RejectionKind.RAMP, RejectionKind.OVERLOAD, RejectionKind.TRANSIENT]


def decide(failure: Failure, config: RetryConfig | None = None, **changes: Any) -> RetryIn | GiveUp:
    state: dict[str, Any] = {
        "retries": 0,
        "sdk_retries": 0,
        "replayable": True,
        "time_left": None,
        "draw": 0.5,
    }
    return RetryPolicy(config or RetryConfig()).decide(failure, **state | changes)


@pytest.mark.parametrize("kind", RETRIED)
def test_what_may_pass_later_is_tried_again(kind: RejectionKind) -> None:
    assert decide(Failure(kind)) == RetryIn(0.5)


@pytest.mark.parametrize("kind", [RejectionKind.QUOTA, RejectionKind.TOO_LARGE, None])
def test_what_would_fail_again_is_not(kind: RejectionKind | None) -> None:
    assert decide(Failure(kind)) is GiveUp.POINTLESS


def test_a_provider_may_forbid_a_retry() -> None:
    failure = Failure(RejectionKind.TRANSIENT, should_retry=False)

    assert decide(failure) is GiveUp.POINTLESS


def test_a_provider_may_ask_for_a_retry_of_what_looks_like_the_clients_error() -> None:
    assert decide(Failure(None, should_retry=True)) == RetryIn(0.5)


@pytest.mark.parametrize("kind", [RejectionKind.QUOTA, RejectionKind.TOO_LARGE])
def test_a_provider_cannot_make_a_pointless_retry_sensible(kind: RejectionKind) -> None:
    assert decide(Failure(kind, should_retry=True)) is GiveUp.POINTLESS


def test_three_retries_are_made_and_no_fourth() -> None:
    failure = Failure(RejectionKind.OVERLOAD)

    assert isinstance(decide(failure, retries=2), RetryIn)
    assert decide(failure, retries=3) is GiveUp.SPENT


def test_the_sdks_own_retries_are_taken_off() -> None:
    failure = Failure(RejectionKind.OVERLOAD)

    assert isinstance(decide(failure, retries=1, sdk_retries=1), RetryIn)
    assert decide(failure, retries=1, sdk_retries=2) is GiveUp.SPENT
    assert decide(failure, sdk_retries=9) is GiveUp.SPENT


def test_without_retries_it_is_the_apps_business() -> None:
    assert decide(Failure(RejectionKind.RATE), RetryConfig(attempts=0)) is GiveUp.DISABLED


def test_a_body_that_went_through_is_not_sent_again() -> None:
    assert decide(Failure(RejectionKind.RATE), replayable=False) is GiveUp.NOT_REPLAYABLE


def test_the_providers_hint_counts() -> None:
    assert decide(Failure(RejectionKind.RATE, 7.0), draw=0.0) == RetryIn(7.0)


def test_a_retry_that_would_come_after_the_deadline_is_not_made() -> None:
    failure = Failure(RejectionKind.RATE, 7.0)

    assert decide(failure, draw=0.0, time_left=7.0) is GiveUp.DEADLINE
    assert decide(failure, draw=0.0, time_left=7.1) == RetryIn(7.0)


def test_the_app_is_told_to_stop_only_where_it_could_do_no_more_than_we() -> None:
    left_to_the_app = {why for why in GiveUp if not why.final}

    assert left_to_the_app == {
        GiveUp.DISABLED,
        GiveUp.NOT_REPLAYABLE,
        GiveUp.SDK_TIMEOUT,
        GiveUp.NO_PLACE,
    }


@pytest.mark.parametrize(
    "wrong",
    [
        {"attempts": -1},
        {"base_delay": 0.0},
        {"base_delay": 61.0},
        {"max_delay": float("inf")},
        {"budget": -0.1},
        {"budget": 1.1},
    ],
)
def test_numbers_that_cannot_work_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"cannot be|need 0|must lie"):
        RetryConfig(**wrong)


@given(
    kind=st.none() | st.sampled_from(RejectionKind),
    hint=st.none() | st.floats(0, 1e9),
    should_retry=st.none() | st.booleans(),
    retries=st.integers(0, 10),
    sdk_retries=st.integers(0, 10),
    replayable=st.booleans(),
    time_left=st.none() | st.floats(-10, 1000),
    draw=st.floats(0, 1, exclude_max=True),
)
def test_a_retry_is_never_late_never_one_too_many_and_never_impossible(
    kind: RejectionKind | None,
    hint: float | None,
    should_retry: bool | None,
    retries: int,
    sdk_retries: int,
    replayable: bool,
    time_left: float | None,
    draw: float,
) -> None:
    decision = RetryPolicy(RetryConfig()).decide(
        Failure(kind, hint, should_retry),
        retries=retries,
        sdk_retries=sdk_retries,
        replayable=replayable,
        time_left=time_left,
        draw=draw,
    )

    if isinstance(decision, RetryIn):
        assert replayable
        assert retries + sdk_retries < 3
        assert 0 <= decision.seconds <= 66
        assert time_left is None or decision.seconds < time_left
        assert should_retry is not False
        assert kind not in (RejectionKind.QUOTA, RejectionKind.TOO_LARGE)
