"""The modes that do not adapt: `fixed` stays, `observe` holds nobody back."""

import math

import pytest

from sidecar.control.config import LimitConfig
from sidecar.control.controller import LimitController
from sidecar.control.fixed import FixedLimit, Observed
from sidecar.control.law import FAILED, IGNORED, SUCCESS
from sidecar.outcomes import RejectionKind, WaitReason
from tests.control.calls import Calls

CONFIG = LimitConfig(initial=10)


@pytest.mark.parametrize(("in_flight", "wait"), [(0, 0.0), (9, 0.0), (10, math.inf)])
def test_a_fixed_limit_admits_up_to_the_initial_limit(in_flight: int, wait: float) -> None:
    assert FixedLimit(CONFIG, now=0.0).wait(in_flight, 5.0) == wait


def test_a_fixed_limit_is_all_that_holds_its_requests_back() -> None:
    assert FixedLimit(CONFIG, now=0.0).wait_reason(5.0) is WaitReason.LIMIT


def test_a_fixed_limit_stays_whatever_happens() -> None:
    calls = Calls(FixedLimit(CONFIG, now=0.0))
    calls.play(5, 200)
    for verdict in (SUCCESS, FAILED, IGNORED):
        calls.settle(calls.send(), verdict)

    assert calls.rejections > 100
    assert calls.law.limit == 10
    assert calls.changes == []


def test_a_fixed_limit_pauses_for_nobody() -> None:
    calls = Calls(FixedLimit(CONFIG, now=0.0))
    for _ in range(10):
        calls.reject(calls.send(), hint=89.0)

    assert calls.room


def test_a_fixed_limit_still_measures() -> None:
    law = FixedLimit(CONFIG, now=0.0)
    calls = Calls(law, now=7.0)
    assert (law.p95, law.baseline, law.ceiling, law.last_push_back_at, law.pace) == (None,) * 5

    calls.serve(calls.send(), latency=0.4)
    calls.now += 1.0
    calls.reject(calls.send(), RejectionKind.OVERLOAD)

    assert law.p95 == 0.4
    assert law.last_push_back_at == 8.0


def test_a_fixed_limit_knows_no_ceiling() -> None:
    """A queue behind it is the pod's own wall: an autoscaler may add pods."""
    law = FixedLimit(CONFIG, now=0.0)
    calls = Calls(law)
    calls.reject(calls.send())

    assert (law.ceiling, law.limit) == (None, 10)


def test_a_fixed_limits_repr_is_short_and_true() -> None:
    assert repr(FixedLimit(CONFIG, now=0.0)) == "<FixedLimit 10>"


def test_observe_holds_nobody_back() -> None:
    """Neither by its limit nor by a pause."""
    calls = Calls(Observed(CONFIG, now=0.0))
    calls.fill(50)
    for ticket in list(calls.open):
        calls.reject(ticket, hint=89.0)
        calls.now += 1.0
        calls.send()

    assert calls.law.wait(1000, calls.now) == 0
    assert len(calls.open) == 50


def test_observe_computes_what_adaptive_would() -> None:
    """As long as the app stays within the limit by itself, and no pace is tried, they are the same."""
    adaptive, observed = LimitController(CONFIG, now=0.0), Observed(CONFIG, now=0.0)
    first, second = Calls(adaptive), Calls(observed)
    for _ in range(120):
        first.play(15, 1)
        second.play(15, 1, most=lambda: observed.limit)

    assert first.changes == second.changes != []
    assert (adaptive.p95, adaptive.ceiling) == (observed.p95, observed.ceiling)
    assert adaptive.last_push_back_at == observed.last_push_back_at


@pytest.mark.parametrize("value", [2.0, 2.99, 10.5, 10.9, 100.99])
def test_observe_cuts_a_place_at_least_though_more_is_in_flight_than_the_limit(
    value: float,
) -> None:
    """A part of a place above the limit must not hide a cut."""
    law = Observed(LimitConfig(decrease=0.99), now=0.0)
    law._value = value
    law._memory.push_back(200)
    law.last_push_back_at = 0.0
    calls = Calls(law)
    before = law.limit
    calls.reject(calls.fill(most=150)[-1])

    assert law.limit < before


def test_observe_cuts_and_recovers_though_the_app_takes_what_it_wants() -> None:
    law = Observed(CONFIG, now=0.0)
    calls = Calls(law)
    calls.play(15, 200, most=40)
    assert law.limit < 10
    assert law.ceiling is not None

    calls.play(1000, 3000, most=40)

    assert law.limit > 20
