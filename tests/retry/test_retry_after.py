"""When a provider says to come back."""

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sidecar.retry.retry_after import retry_after

WALL = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)


def hint(**fields: bytes) -> float | None:
    """The hint in these fields, written with _ for -."""
    headers = {name.replace("_", "-").encode(): value for name, value in fields.items()}
    return retry_after(headers.get, wall=WALL)


def test_without_a_header_there_is_no_hint() -> None:
    assert hint() is None


@pytest.mark.parametrize(
    ("value", "seconds"), [(b"5", 5.0), (b"0", 0.0), (b"1.5", 1.5), (b" 7 ", 7.0), (b"1e2", 100.0)]
)
def test_seconds_may_be_whole_or_fractional(value: bytes, seconds: float) -> None:
    assert hint(retry_after=value) == seconds


@pytest.mark.parametrize("name", ["retry_after_ms", "x_ms_retry_after_ms"])
def test_milliseconds_count_more_than_seconds(name: str) -> None:
    assert hint(**{name: b"1500", "retry_after": b"2"}) == 1.5


def test_of_two_in_milliseconds_openai_s_counts() -> None:
    assert hint(retry_after_ms=b"1", x_ms_retry_after_ms=b"2") == 0.001


def test_unusable_milliseconds_leave_the_seconds() -> None:
    assert hint(retry_after_ms=b"soon", retry_after=b"2") == 2.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (b"Tue, 24 Nov 2026 12:00:30 GMT", 30.0),
        (b"Tue, 24 Nov 2026 12:00:30 -0000", 30.0),
        (b"Tue, 24 Nov 2026 13:00:30 +0100", 30.0),
        (b"Tuesday, 24-Nov-26 12:00:30 GMT", 30.0),
        (b"Tue Nov 24 12:00:30 2026", 30.0),
        (b"Tue, 24 Nov 2026 11:00:00 GMT", 0.0),
        (b"Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
    ],
)
def test_a_date_is_held_against_the_time_of_day(value: bytes, seconds: float) -> None:
    """In all three formats of RFC 9110; one in the past means now."""
    assert hint(retry_after=value) == seconds


@pytest.mark.parametrize(
    "value",
    [b"", b"soon", b"-1", b"nan", b"inf", b"-inf", b"1e999", b"\xff", b"5s", b"Tue, 99 Nov 2026"],
)
def test_nonsense_is_no_hint(value: bytes) -> None:
    assert hint(retry_after=value) is None
    assert hint(retry_after_ms=value) is None


DATE_LIKE = st.lists(
    st.sampled_from(
        ("Mon,", "Tue", "24", "99999999999", "0", "-1", "Nov", "Foo", "2026", "99", "12:00:30",
         "25:61:61", "12.00.30", ":", "GMT", "+0000", "-9999", "+999999", "EST", ",", "(x", ")", "-")
    ),
    max_size=7,
)  # fmt: skip


@given(st.binary(max_size=40) | DATE_LIKE.map(lambda words: " ".join(words).encode()))
@example(b"Mon, 01 Jan 0001 00:00:00 +2359")
@example(b"Fri, 31 Dec 9999 23:59:59 -2359")
def test_no_header_raises_or_gives_anything_but_a_bearable_number(value: bytes) -> None:
    for field in ("retry_after", "retry_after_ms", "x_ms_retry_after_ms"):
        seconds = hint(**{field: value})
        assert seconds is None or 0 <= seconds < float("inf")


@given(
    st.integers(-(10**6), 10**6), st.integers(-23, 23).map(lambda h: timezone(timedelta(hours=h)))
)
def test_a_date_in_any_zone_gives_the_same_wait(seconds: int, zone: timezone) -> None:
    date = (WALL + timedelta(seconds=seconds)).astimezone(zone)

    assert hint(retry_after=format_datetime(date).encode()) == max(0, seconds)
