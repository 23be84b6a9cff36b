"""Rates: ceilings and feed-forward as the limiter sees them."""

import math

import pytest

from sidecar.control.allowance import Allowance, Unit
from sidecar.control.ceilings import CeilingConfig
from sidecar.control.rates import Rates
from sidecar.outcomes import WaitReason

NOTHING_LEFT = Allowance(Unit.REQUESTS, 600, 0, 60.0)
PLENTY = Allowance(Unit.REQUESTS, 600, 590, 1.0)


def test_with_nothing_configured_and_nothing_told_nothing_is_kept() -> None:
    rates = Rates(CeilingConfig(), feed_forward=True)

    assert rates.wait(10**9, 0.0) == 0
    assert rates.started(10**9, 0.0) is None
    rates.settled(None, used=5, now=1.0)
    rates.refunded(None, 1.0)
    assert rates.wait(10**9, 1.0) == 0
    assert rates.remaining(Unit.TOKENS, 1.0) is None


def test_a_ceiling_makes_wait_and_names_itself() -> None:
    rates = Rates(CeilingConfig(tokens_per_minute=100), feed_forward=True)
    rates.started(100, 0.0)

    assert rates.wait(1, 20.0) == 40
    assert rates.reason(1, 20.0) is WaitReason.TOKENS_PER_MINUTE


def test_headers_make_wait_and_name_themselves() -> None:
    rates = Rates(CeilingConfig(), feed_forward=True)
    rates.started(0, 0.0)
    rates.told([NOTHING_LEFT], sent_at=0.0, now=0.0)

    assert rates.wait(0, 0.0) > 0
    assert rates.reason(0, 0.0) is WaitReason.PROVIDER_HEADERS
    assert rates.remaining(Unit.REQUESTS, 0.0) == 0


def test_the_longer_wait_counts() -> None:
    rates = Rates(CeilingConfig(requests_per_second=1, requests_per_minute=10), feed_forward=True)
    rates.started(0, 0.0)
    rates.told([NOTHING_LEFT], sent_at=0.0, now=0.0)
    by_headers = Rates(CeilingConfig(), feed_forward=True)
    by_headers.started(0, 0.0)
    by_headers.told([NOTHING_LEFT], sent_at=0.0, now=0.0)
    headers = by_headers.wait(0, 0.0)

    assert 0 < headers < 1
    assert rates.wait(0, 0.0) == 1
    assert rates.reason(0, 0.0) is WaitReason.REQUESTS_PER_SECOND
    for _ in range(20):
        rates.started(0, 0.9)
        by_headers.started(0, 0.9)
    assert rates.wait(0, 0.9) == pytest.approx(60.0)
    assert rates.reason(0, 0.9) is WaitReason.REQUESTS_PER_MINUTE


def test_headers_may_outlast_a_ceiling() -> None:
    rates = Rates(CeilingConfig(requests_per_second=100), feed_forward=True)
    rates.started(0, 0.0)
    rates.told([NOTHING_LEFT], sent_at=0.0, now=0.0)

    assert rates.wait(0, 0.0) > 0
    assert rates.reason(0, 0.0) is WaitReason.PROVIDER_HEADERS


def test_without_feed_forward_headers_say_nothing() -> None:
    rates = Rates(CeilingConfig(), feed_forward=False)
    rates.started(0, 0.0)
    rates.told([NOTHING_LEFT], sent_at=0.0, now=0.0)

    assert rates.wait(0, 0.0) == 0
    assert rates.remaining(Unit.REQUESTS, 0.0) is None
    assert rates.started(0, 0.0) is None


def test_a_reservation_stands_until_it_is_settled() -> None:
    rates = Rates(CeilingConfig(tokens_per_minute=100), feed_forward=False)
    reservation = rates.started(100, 0.0)

    rates.settled(reservation, used=None, now=1.0)
    assert rates.wait(60, 1.0) == 59

    rates.settled(reservation, used=40, now=1.0)
    assert rates.wait(60, 1.0) == 0


def test_a_rejected_attempt_gives_its_tokens_back() -> None:
    rates = Rates(CeilingConfig(tokens_per_minute=100), feed_forward=False)

    rates.settled(rates.started(100, 0.0), used=0, now=1.0)

    assert rates.wait(100, 1.0) == 0


def test_what_started_before_anything_was_told_counts() -> None:
    rates = Rates(CeilingConfig(), feed_forward=True)
    for now in (0.0, 0.1, 0.2):
        assert rates.started(0, now) is None

    rates.told([PLENTY], sent_at=0.0, now=0.2)

    ours = 0.2 * 10 / 2  # of what refilled; the other half may go to others
    assert rates.remaining(Unit.REQUESTS, 0.2) == pytest.approx(590 + ours - 2)


def test_a_refund_gives_back_to_ceilings_and_to_what_was_told() -> None:
    rates = Rates(CeilingConfig(requests_per_minute=2), feed_forward=True)
    rates.started(0, 0.0)
    rates.told([PLENTY], sent_at=0.0, now=0.0)
    reservation = rates.started(0, 1.0)
    left = rates.remaining(Unit.REQUESTS, 1.0)
    assert left is not None
    assert rates.wait(0, 1.0) == 59

    rates.refunded(reservation, 1.0)

    assert rates.wait(0, 1.0) == 0
    assert rates.remaining(Unit.REQUESTS, 1.0) == left + 1


def test_a_refund_works_for_headers_alone() -> None:
    rates = Rates(CeilingConfig(), feed_forward=True)
    rates.started(0, 0.0)
    rates.told([PLENTY], sent_at=0.0, now=0.0)
    reservation = rates.started(0, 0.0)
    assert reservation is not None

    rates.refunded(reservation, 0.0)

    assert rates.remaining(Unit.REQUESTS, 0.0) == 590


def test_a_wait_is_always_finite() -> None:
    rates = Rates(CeilingConfig(requests_per_second=1e-9, tokens_per_minute=1), feed_forward=True)
    rates.started(10**9, 0.0)

    assert math.isfinite(rates.wait(10**9, 0.0))


def test_it_shows_what_it_holds() -> None:
    rates = Rates(CeilingConfig(requests_per_minute=2), feed_forward=True)

    assert repr(rates) == "<Rates <Ceilings [<SlidingWindow 0/2 in 60 s>]> <FeedForward []>>"


def test_while_there_is_plenty_not_every_answer_is_listened_to() -> None:
    rates = Rates(CeilingConfig(), feed_forward=True)
    assert rates.listens(0.0)
    rates.started(0, 0.0)
    rates.told([Allowance(Unit.REQUESTS, 100.0, 99.0, 0.6)], sent_at=0.0, now=0.2)

    assert not rates.listens(0.25)
    assert rates.listens(0.31)


def test_when_little_is_left_every_answer_counts() -> None:
    rates = Rates(CeilingConfig(), feed_forward=True)
    rates.started(0, 0.0)
    rates.told([Allowance(Unit.REQUESTS, 100.0, 99.0, 0.6)], sent_at=0.0, now=0.2)
    rates.started(0, 0.4)
    rates.told([Allowance(Unit.REQUESTS, 100.0, 40.0, 36.0)], sent_at=0.4, now=0.5)

    assert rates.listens(0.5)


def test_who_is_not_to_listen_never_does() -> None:
    assert not Rates(CeilingConfig(), feed_forward=False).listens(0.0)
