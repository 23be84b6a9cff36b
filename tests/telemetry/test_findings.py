"""What one limit's last minute means: each threshold, just below and just above."""

from dataclasses import replace
from typing import Any

import pytest

from sidecar.control.modes import Mode
from sidecar.outcomes import RejectionKind, ShedReason, WaitReason
from sidecar.proxy.record import RequestRecord
from sidecar.telemetry.findings import TITLES, Finding, Level, findings
from tests.telemetry.recents import CALM

_MODES: tuple[Mode, Mode] = ("adaptive", "fixed")


def found(mode: Mode = "adaptive", maximum: int = 256, **changes: Any) -> dict[str, Finding]:
    """By code."""
    return {each.code: each for each in findings(replace(CALM, **changes), mode, maximum)}


def only(**changes: Any) -> Finding:
    """The one finding."""
    (finding,) = found(**changes).values()
    return finding


def test_a_calm_minute_is_not_worth_a_word() -> None:
    assert found() == {}


@pytest.mark.parametrize(
    ("changes", "code", "level"),
    [
        ({"slow_first_bytes": 5}, None, None),
        ({"slow_first_bytes": 6}, "slow", Level.WARNING),
        ({"first_bytes": 19, "slow_first_bytes": 19}, None, None),
        ({"first_bytes": 20, "slow_first_bytes": 2}, "slow", Level.WARNING),
        ({"rejections": {RejectionKind.RATE: 10}}, None, None),
        ({"rejections": {RejectionKind.RATE: 6, RejectionKind.TRANSIENT: 5}}, "rejections", Level.WARNING),
        ({"rejections": {RejectionKind.RATE: 50}}, "rejections", Level.WARNING),
        ({"rejections": {RejectionKind.RATE: 51}}, "rejections", Level.URGENT),
        ({"attempts": 19, "rejections": {RejectionKind.RATE: 9}}, None, None),
        ({"attempts": 5, "rejections": {RejectionKind.RATE: 3}}, "rejections", Level.URGENT),
        ({"attempts": 4, "rejections": {RejectionKind.RATE: 4}}, None, None),
        ({"client_errors": 10}, None, None),
        ({"client_errors": 11}, "client_errors", Level.WARNING),
        ({"client_errors": 51}, "client_errors", Level.URGENT),
        ({"model": "none", "client_errors": 11}, "not_sent", Level.WARNING),
        ({"cancelled": 50}, None, None),
        ({"cancelled": 51}, "cancelled", Level.WARNING),
        ({"requests": 4, "cancelled": 4}, None, None),
        ({"server_errors": 10}, None, None),
        ({"server_errors": 11}, "server_errors", Level.WARNING),
        ({"shed": {ShedReason.QUEUE_FULL: 2}}, None, None),
        ({"shed": {ShedReason.QUEUE_FULL: 1, ShedReason.DEADLINE: 2}}, "shed", Level.URGENT),
        ({"shed": {ShedReason.DRAINING: 100}}, None, None),
        ({"shed": {ShedReason.QUOTA_EXHAUSTED: 1}}, "quota_exhausted", Level.URGENT),
        ({"rejections": {RejectionKind.QUOTA: 1}}, "quota_exhausted", Level.URGENT),
        ({"upstream_limited": True}, "provider_limit", Level.NOTE),
        ({"upstream_limited": True, "waiting": 1}, "provider_limit", Level.WARNING),
        ({"upstream_limited": True, "waiting": 1, "learned_rate": 4.8}, "provider_rate", Level.WARNING),
        (
            {"upstream_limited": True, "waiting": 1, "wait_reason": WaitReason.PROVIDER_HEADERS},
            "provider_headers",
            Level.WARNING,
        ),
        ({"succeeded": 80, "mean_waiting": 9.0}, None, None),
        ({"succeeded": 79, "mean_waiting": 9.0}, "falling", Level.WARNING),
        ({"succeeded": 79, "mean_waiting": 4.9}, None, None),
        ({"succeeded": 79, "mean_waiting": 10.0, "mean_waiting_before": 8.0}, None, None),
        ({"succeeded": 0, "succeeded_before": 19, "mean_waiting": 9.0}, None, None),
    ],
)  # fmt: skip
def test_a_threshold_is_passed_or_not(
    changes: dict[str, Any], code: str | None, level: Level | None
) -> None:
    result = [(each.code, each.level) for each in found(**changes).values()]

    assert result == ([] if code is None else [(code, level)])


QUEUE: dict[str, Any] = {"wait_reason": WaitReason.LIMIT, "waiting": 30, "mean_waiting": 20.0}


def test_a_limit_at_its_maximum_with_a_queue_is_the_pods_own_matter() -> None:
    finding = found(limit=256, **QUEUE)["own_maximum"]

    assert "SIDECAR_LIMIT_MAX=256" in finding.text
    assert "more pods" in finding.action


def test_a_limit_that_may_still_grow_is_not() -> None:
    assert found(limit=255, **QUEUE) == {}


def test_a_limit_at_its_maximum_that_the_provider_pushes_back_is_the_providers() -> None:
    assert list(found(limit=256, upstream_limited=True, **QUEUE)) == ["provider_limit"]


def test_a_fixed_limit_with_a_queue_is_the_pods_own_matter() -> None:
    finding = found("fixed", limit=10, **QUEUE)["own_maximum"]

    assert "SIDECAR_LIMIT_MODE=fixed" in finding.text
    assert "SIDECAR_LIMIT_INITIAL" in finding.action


@pytest.mark.parametrize(
    ("reason", "setting"),
    [
        (WaitReason.REQUESTS_PER_SECOND, "SIDECAR_RATE_REQUESTS_PER_SECOND"),
        (WaitReason.REQUESTS_PER_MINUTE, "SIDECAR_RATE_REQUESTS_PER_MINUTE"),
        (WaitReason.TOKENS_PER_MINUTE, "SIDECAR_RATE_TOKENS_PER_MINUTE"),
    ],
)
def test_a_ceiling_of_ones_own_is_named(reason: WaitReason, setting: str) -> None:
    finding = found(**{**QUEUE, "wait_reason": reason})["own_ceiling"]

    assert setting in finding.text


def test_where_the_provider_is_the_bottleneck_it_is_said_that_pods_do_not_help() -> None:
    finding = only(upstream_limited=True, waiting=7, learned_rate=4.75)

    assert "provider is the bottleneck" in TITLES[finding.code]
    assert "4.75 calls a second" in finding.text
    assert "More pods will not help" in finding.action


def test_a_fixed_limit_is_not_taken_for_what_the_provider_bears() -> None:
    adaptive, fixed = (found(mode, upstream_limited=True) for mode in _MODES)

    assert adaptive["provider_limit"].text.startswith("It bears about 10 calls at once.")
    assert fixed["provider_limit"].text.startswith("It pushed back; the limit stays at 10")


def test_refused_requests_are_explained_by_who_is_the_bottleneck() -> None:
    shed = {ShedReason.QUEUE_FULL: 4, ShedReason.QUEUE_TIMEOUT: 2}
    here = found(shed=shed)["shed"]
    there = found(shed=shed, upstream_limited=True)["shed"]

    assert here.text == (
        "6 requests in the last minute (SIDECAR_QUEUE_SIZE reached: 4,"
        " waited for SIDECAR_QUEUE_TIMEOUT: 2)."
    )
    assert "more pods" in here.action
    assert "More pods will not help" in there.action


def test_rejections_are_told_by_kind_and_the_commonest_decides_what_to_do() -> None:
    finding = only(rejections={RejectionKind.RATE: 5, RejectionKind.TOO_LARGE: 20})

    assert finding.text == "25.0 % of 100 attempts in the last minute (20 too large, 5 rate)."
    assert "smaller in the app" in finding.action


def test_what_the_sidecar_refused_itself_is_not_blamed_on_the_provider() -> None:
    finding = only(model=RequestRecord(method="POST", arrived=0.0).model, client_errors=60)

    assert "provider" not in TITLES[finding.code]
    assert "the provider was not asked" in finding.text
    assert "x-sidecar-reason" in finding.action


def test_nearly_all_is_not_all() -> None:
    nearly = only(client_errors=9_999, requests=10_000)
    every = only(client_errors=10_000, requests=10_000)

    assert nearly.text.startswith("99.9 % of")
    assert every.text.startswith("100 % of")


@pytest.mark.parametrize("kind", RejectionKind)
def test_every_kind_of_rejection_has_a_remedy(kind: RejectionKind) -> None:
    assert found(rejections={kind: 60})["rejections"].action
