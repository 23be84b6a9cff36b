"""Waits before retries."""

from hypothesis import given
from hypothesis import strategies as st

from sidecar.retry.backoff import backoff

DRAWS = st.floats(0, 1, exclude_max=True)
DELAYS = st.floats(0.001, 3600)


def test_without_a_hint_the_span_doubles_with_every_retry_up_to_the_longest() -> None:
    spans = [
        backoff(retries, base=1.0, longest=6.0, hint=None, draw=0.5) * 2 for retries in range(5)
    ]

    assert spans == [1.0, 2.0, 4.0, 6.0, 6.0]


def test_the_jitter_is_full_down_to_nothing() -> None:
    assert backoff(3, base=1.0, longest=60.0, hint=None, draw=0.0) == 0.0


def test_a_hint_is_a_floor_with_a_tenth_of_jitter() -> None:
    assert backoff(0, base=1.0, longest=60.0, hint=20.0, draw=0.0) == 20.0
    assert backoff(0, base=1.0, longest=60.0, hint=20.0, draw=0.5) == 21.0


def test_a_hint_is_obeyed_up_to_the_longest_wait_and_still_spread() -> None:
    """All who are told 60 s or more must not come back in the same instant."""
    assert backoff(0, base=1.0, longest=60.0, hint=86_400.0, draw=0.0) == 60.0
    assert backoff(0, base=1.0, longest=60.0, hint=60.0, draw=0.5) == 63.0


def test_a_hint_of_nothing_leaves_the_backoff() -> None:
    assert backoff(2, base=1.0, longest=60.0, hint=0.0, draw=0.5) == 2.0


@given(
    retries=st.integers(0, 10_000),
    base=DELAYS,
    longest=DELAYS,
    hint=st.none() | st.floats(0, 1e9),
    draw=DRAWS,
)
def test_no_wait_is_negative_or_longer_than_the_longest_and_its_jitter(
    retries: int, base: float, longest: float, hint: float | None, draw: float
) -> None:
    assert 0 <= backoff(retries, base=base, longest=longest, hint=hint, draw=draw) <= 1.1 * longest


@given(hint=st.floats(0, 60), draw=DRAWS)
def test_nobody_comes_back_before_the_hint(hint: float, draw: float) -> None:
    assert backoff(0, base=1.0, longest=60.0, hint=hint, draw=draw) >= hint
