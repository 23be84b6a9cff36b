"""Times as providers write them."""

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sidecar.retry.times import finite_number, seconds_until

WALL = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
NOW = int(WALL.timestamp())


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (b"5", 5.0),
        (b"0", 0.0),
        (b"1.5", 1.5),
        (b" 7 ", 7.0),
        (b"1e2", 100.0),
        (b"86400", 86400.0),
        ("5", 5.0),
    ],
)
def test_a_number_is_seconds(value: bytes | str, seconds: float) -> None:
    assert seconds_until(value, wall=WALL) == seconds


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (b"%d" % (NOW + 30), 30.0),
        (b"%d.5" % (NOW + 30), 30.5),
        (b"%d" % (NOW - 30), 0.0),
        (b"%d" % ((NOW + 30) * 1000), 30.0),
        (b"%d" % (NOW * 1000 - 1), 0.0),
        (b"%d" % (NOW * 1000 + 250), 0.25),
    ],
)
def test_a_large_number_is_a_time_of_day(value: bytes, seconds: float) -> None:
    """In seconds since 1970 (Cohere) or in milliseconds (OpenRouter)."""
    assert seconds_until(value, wall=WALL) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (b"1s", 1.0),
        (b"6m0s", 360.0),
        (b"12ms", 0.012),
        (b"7.66s", 7.66),
        (b"2m59.56s", 179.56),
        (b"1h2m3s", 3723.0),
        (b"24h0m0s", 86400.0),
        (b"45.578569677s", 45.578569677),
        (b".5s", 0.5),
        (b"5.s", 5.0),
        (b"7us", 7e-6),
        ("7µs", 7e-6),
        ("7µs".encode(), 7e-6),
        (b"1ns", 1e-9),
        ("46s", 46.0),
    ],
)
def test_a_duration_is_read_as_go_writes_it(value: bytes | str, seconds: float) -> None:
    assert seconds_until(value, wall=WALL) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (b"2026-11-24T12:00:30Z", 30.0),
        (b"2026-11-24T12:00:30.250Z", 30.25),
        (b"2026-11-24T13:00:30+01:00", 30.0),
        (b"2026-11-24T11:00:00Z", 0.0),
        (b"2026-11-24T12:00:30", 30.0),
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
    """Of RFC 3339 (Anthropic), and in all three formats of RFC 9110; one in the past means now."""
    assert seconds_until(value, wall=WALL) == seconds


@pytest.mark.parametrize(
    "value",
    [
        b"", b"soon", b"-1", b"-1s", b"nan", b"inf", b"-inf", b"1e999", b"\xff", b"5 s", b"5s3",
        b"s", b"5d", b"2026-99-24T12:00:30Z", b"2026-11-24T", b"Tue, 99 Nov 2026",
        b"9" * 400 + b"h",
    ],
)  # fmt: skip
def test_nonsense_is_no_time(value: bytes) -> None:
    assert seconds_until(value, wall=WALL) is None


TIME_LIKE = st.lists(
    st.sampled_from(
        ("Mon,", "Tue", "24", "99999999999", "0", "-1", "Nov", "Foo", "2026", "99", "12:00:30",
         "25:61:61", "12.00.30", ":", "GMT", "+0000", "-9999", "+999999", "EST", ",", "(x", ")",
         "-", "2026-11-24T", "Z", "h", "ms", "1.5", "s", "e", "_", "²")
    ),
    max_size=7,
)  # fmt: skip


@given(
    st.binary(max_size=40)
    | st.text(max_size=40)
    | TIME_LIKE.map(lambda words: " ".join(words).encode())
    | TIME_LIKE.map("".join)
)
@example(b"Mon, 99999999999 Jan 2026 00:00:00 GMT")
@example(b"Mon, 01 Jan 0001 00:00:00 +2359")
@example(b"Fri, 31 Dec 9999 23:59:59 -2359")
@example(b"0001-01-01T00:00:00+23:59")
def test_no_value_raises_or_gives_anything_but_a_bearable_number(value: bytes | str) -> None:
    seconds = seconds_until(value, wall=WALL)

    assert seconds is None or 0 <= seconds < float("inf")


@given(
    st.integers(-(10**6), 10**6), st.integers(-23, 23).map(lambda h: timezone(timedelta(hours=h)))
)
def test_a_date_in_any_zone_gives_the_same_wait(seconds: int, zone: timezone) -> None:
    date = (WALL + timedelta(seconds=seconds)).astimezone(zone)

    assert seconds_until(format_datetime(date), wall=WALL) == max(0, seconds)
    assert seconds_until(date.isoformat(), wall=WALL) == max(0, seconds)


@pytest.mark.parametrize(
    ("text", "number"),
    [("5", 5.0), ("0.5", 0.5), ("", None), ("-1", None), ("nan", None), ("inf", None), ("x", None)],
)
def test_a_plain_number_is_finite_and_not_negative(text: str, number: float | None) -> None:
    assert finite_number(text) == number
