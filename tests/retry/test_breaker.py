"""Who is out of quota."""

from sidecar.retry.breaker import QuotaBreakers


def opened(reset: float | None = None, now: float = 0.0) -> QuotaBreakers[str, str]:
    breakers: QuotaBreakers[str, str] = QuotaBreakers()
    assert breakers.exhausted("a", "no money", reset, now)
    return breakers


def test_who_has_quota_is_not_refused() -> None:
    breakers: QuotaBreakers[str, str] = QuotaBreakers()

    assert not breakers
    assert breakers.refusal("a", 0.0) is None
    assert not breakers.sending("a")
    assert breakers.retry_after("a", 0.0) == 0.0


def test_who_has_none_hears_the_providers_own_refusal_and_nobody_else_does() -> None:
    breakers = opened()

    assert breakers
    assert breakers.refusal("a", 1.0) == "no money"
    assert breakers.refusal("b", 1.0) is None


def test_a_stated_reset_is_waited_for() -> None:
    breakers = opened(reset=300.0)

    assert breakers.refusal("a", 299.0) == "no money"
    assert breakers.retry_after("a", 100.0) == 200.0
    assert breakers.refusal("a", 300.0) is None


def test_a_reset_far_away_is_tried_for_every_hour() -> None:
    assert opened(reset=86_400.0).retry_after("a", 0.0) == 3600.0


def test_without_a_stated_reset_the_time_doubles_up_to_a_minute() -> None:
    breakers, now, times = opened(), 0.0, []
    for _ in range(4):
        wait = breakers.retry_after("a", now)
        times.append(wait)
        now += wait
        assert breakers.sending("a")
        breakers.exhausted("a", "no money", None, now)

    assert times == [15.0, 30.0, 60.0, 60.0]


def test_one_probe_goes_and_the_others_wait_for_it() -> None:
    breakers = opened(reset=10.0)

    assert breakers.refusal("a", 10.0) is None
    assert breakers.sending("a")
    assert breakers.refusal("a", 11.0) == "no money"


def test_a_served_probe_closes() -> None:
    breakers = opened(reset=10.0)
    breakers.sending("a")
    breakers.served("a")

    assert not breakers
    assert breakers.refusal("a", 11.0) is None


def test_a_refused_probe_opens_again_with_its_own_answer() -> None:
    breakers = opened(reset=10.0)
    breakers.sending("a")

    assert breakers.exhausted("a", "still no money", 20.0, 12.0)
    assert breakers.refusal("a", 31.0) == "still no money"
    assert breakers.refusal("a", 32.0) is None


def test_a_probe_that_tells_nothing_leaves_the_door_to_the_next_one() -> None:
    breakers = opened(reset=10.0)
    breakers.sending("a")
    breakers.told_nothing("a")

    assert breakers.refusal("a", 12.0) is None
    assert breakers.sending("a")


def test_what_was_sent_before_it_opened_neither_prolongs_nor_is_news() -> None:
    breakers = opened(reset=10.0)

    assert not breakers.exhausted("a", "me too", 10.0, 5.0)
    assert breakers.refusal("a", 10.0) is None
    breakers.told_nothing("b")
    assert breakers.refusal("b", 5.0) is None


def test_there_are_never_more_than_so_many() -> None:
    breakers: QuotaBreakers[int, str] = QuotaBreakers()
    for key in range(300):
        breakers.exhausted(key, "no money", 60.0, 0.0)

    assert repr(breakers) == "<QuotaBreakers 256 open>"
    assert breakers.refusal(0, 1.0) is None, "the oldest is forgotten"
    assert breakers.refusal(299, 1.0) == "no money"


def test_who_never_came_back_is_forgotten_an_hour_later() -> None:
    breakers = opened(reset=10.0)

    assert breakers.refusal("a", 3609.0) is None
    assert breakers
    assert breakers.refusal("a", 3610.0) is None
    assert not breakers

    breakers = opened(reset=10.0)
    breakers.exhausted("b", "no money", 10.0, 3610.0)
    assert repr(breakers) == "<QuotaBreakers 1 open>"
