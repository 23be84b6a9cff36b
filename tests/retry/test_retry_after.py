"""When a provider says to come back."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.retry.retry_after import retry_after

WALL = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)


def hint(*also: bytes, **fields: bytes) -> float | None:
    """The hint in these fields, written with _ for -."""
    headers = {name.replace("_", "-").encode(): value for name, value in fields.items()}
    return retry_after(headers.get, wall=WALL, also=also)


def test_without_a_header_there_is_no_hint() -> None:
    assert hint() is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (b"5", 5.0),
        (b"1.5", 1.5),
        (b"5s", 5.0),
        (b"2026-11-24T12:00:05Z", 5.0),
        (b"Tue, 24 Nov 2026 12:00:05 GMT", 5.0),
    ],
)
def test_the_header_may_be_in_any_format(value: bytes, seconds: float) -> None:
    assert hint(retry_after=value) == seconds


@pytest.mark.parametrize("name", ["retry_after_ms", "x_ms_retry_after_ms"])
def test_milliseconds_count_more_than_seconds(name: str) -> None:
    assert hint(**{name: b"1500", "retry_after": b"2"}) == 1.5


def test_of_two_in_milliseconds_openai_s_counts() -> None:
    assert hint(retry_after_ms=b"1", x_ms_retry_after_ms=b"2") == 0.001


def test_a_provider_s_own_header_counts_least() -> None:
    assert hint(b"x-reset", x_reset=b"7") == 7.0
    assert hint(b"x-reset", x_reset=b"7", retry_after=b"2") == 2.0
    assert hint(x_reset=b"7") is None


@pytest.mark.parametrize("value", [b"", b"soon", b"-1", b"nan", b"inf", b"\xff"])
def test_nonsense_is_no_hint(value: bytes) -> None:
    assert hint(retry_after=value) is None
    assert hint(retry_after_ms=value) is None
    assert hint(b"x-reset", retry_after_ms=value, retry_after=value, x_reset=b"7") == 7.0


@given(st.binary(max_size=40))
def test_no_header_raises_or_gives_anything_but_a_bearable_number(value: bytes) -> None:
    for field in ("retry_after", "retry_after_ms", "x_ms_retry_after_ms"):
        seconds = hint(**{field: value})
        assert seconds is None or 0 <= seconds < float("inf")
