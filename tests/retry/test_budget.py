"""The share of traffic that may be retries."""

from hypothesis import given
from hypothesis import strategies as st

from sidecar.retry.budget import RetryBudget


def spent(budget: RetryBudget, now: float, tries: int = 1000) -> int:
    """How many retries it grants at once."""
    return sum(budget.spend(now) for _ in range(tries))


def busy(budget: RetryBudget, now: float, requests: int) -> None:
    for _ in range(requests):
        budget.request(now)


def test_little_traffic_may_always_retry_ten_times_a_minute() -> None:
    budget = RetryBudget(0.2)
    busy(budget, 0.0, 3)

    assert spent(budget, 0.0) == 10


def test_much_traffic_may_retry_its_share() -> None:
    budget = RetryBudget(0.2)
    busy(budget, 0.0, 500)

    assert spent(budget, 1.0) == 100


def test_a_share_of_nothing_leaves_the_ten() -> None:
    budget = RetryBudget(0.0)
    busy(budget, 0.0, 500)

    assert spent(budget, 0.0) == 10


def test_retries_of_a_minute_ago_are_forgotten() -> None:
    budget = RetryBudget(0.2)
    busy(budget, 0.0, 500)
    spent(budget, 0.0)
    busy(budget, 59.0, 500)

    assert spent(budget, 59.9) == 100, "of both counts, the hundred of before taken off"
    assert spent(budget, 60.1) == 0, "500 requests are left of them, and 100 retries"
    assert spent(budget, 120.0) == 10


def test_its_repr_says_how_much_is_used() -> None:
    budget = RetryBudget(0.2)
    busy(budget, 0.0, 2)
    budget.spend(0.0)

    assert repr(budget) == "<RetryBudget 1 retries of 2 requests>"


@given(
    share=st.floats(0, 1),
    steps=st.lists(st.tuples(st.booleans(), st.floats(0, 20)), max_size=200),
)
def test_no_minute_has_more_retries_than_its_share_or_ten(
    share: float, steps: list[tuple[bool, float]]
) -> None:
    budget, now = RetryBudget(share), 0.0
    requests: list[float] = []
    retries: list[float] = []
    for is_request, pause in steps:
        now += pause
        if is_request:
            budget.request(now)
            requests.append(now)
        elif budget.spend(now):
            retries.append(now)
            # Slots of five seconds: what is counted is up to so much younger than a minute.
            recent = sum(at > now - 60 for at in requests)
            assert sum(at > now - 55 for at in retries) <= max(10, share * recent + 1)
