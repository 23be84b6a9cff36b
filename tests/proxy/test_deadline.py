"""How long the app is willing to wait."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.proxy.deadline import own_time, time_allowed

OWN, SDK = b"x-sidecar-timeout", b"x-stainless-read-timeout"


def allowed(**fields: bytes) -> float | None:
    names = {"own": OWN, "sdk": SDK}
    return time_allowed({names[name]: value for name, value in fields.items()}.get)


def test_without_a_word_of_the_app_time_is_unlimited() -> None:
    assert allowed() is None


def test_the_app_s_own_word_counts_as_it_is() -> None:
    assert allowed(own=b"2.5") == 2.5


@pytest.mark.parametrize(("sent", "left"), [(b"600", 599.0), (b"60", 59.0), (b"10", 9.5)])
def test_an_sdk_is_answered_a_little_before_its_own_timeout(sent: bytes, left: float) -> None:
    """Or it would give up, try again and double the load."""
    assert allowed(sdk=sent) == pytest.approx(left)


@pytest.mark.parametrize(("own", "left"), [(b"5", 5.0), (b"1000", 599.0)])
def test_the_shorter_one_counts(own: bytes, left: float) -> None:
    assert allowed(own=own, sdk=b"600") == left


def test_an_sdk_s_timeout_is_not_the_app_s_own_word() -> None:
    assert own_time({OWN: b"5", SDK: b"1"}.get) == 5.0
    assert own_time({SDK: b"1"}.get) is None


@pytest.mark.parametrize("value", [b"", b"0", b"-1", b"nan", b"inf", b"soon", b"\xff", b"1e999"])
def test_what_is_no_positive_number_is_no_deadline(value: bytes) -> None:
    assert allowed(own=value) is None
    assert allowed(sdk=value) is None
    assert allowed(own=value, sdk=b"10") == 9.5


@given(st.binary(max_size=20), st.binary(max_size=20))
def test_no_header_raises_and_time_is_always_positive(own: bytes, sdk: bytes) -> None:
    seconds = allowed(own=own, sdk=sdk)

    assert seconds is None or 0 < seconds < float("inf")
