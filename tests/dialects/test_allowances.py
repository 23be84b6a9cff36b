"""Rate-limit headers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.control.allowance import Allowance, Unit
from sidecar.dialects.allowances import Figure, named, read_allowances
from tests.dialects.made import NOW, WALL

TABLE = named("x-limit-{figure}-{of}", requests=Unit.REQUESTS, in_tokens=Unit.TOKENS)


def read(**fields: bytes) -> tuple[Allowance, ...]:
    headers = [
        (f"X-Limit-{name.replace('_', '-')}".encode(), text) for name, text in fields.items()
    ]
    return read_allowances(headers, TABLE, WALL)


def test_limits_that_are_named_alike_make_a_table() -> None:
    assert TABLE[b"x-limit-remaining-in-tokens"] == ("in_tokens", Unit.TOKENS, Figure.REMAINING)
    assert len(TABLE) == 6
    assert set(named("a-{figure}", x=Unit.TOKENS)) == {b"a-limit", b"a-remaining", b"a-reset"}


def test_each_limit_gives_an_allowance() -> None:
    assert read(
        limit_requests=b"100",
        limit_in_tokens=b"5000",
        remaining_requests=b"99",
        remaining_in_tokens=b"4000.5",
        reset_requests=b"6m0s",
        reset_in_tokens=b"12ms",
        other=b"1",
    ) == (
        Allowance(Unit.REQUESTS, 100.0, 99.0, 360.0),
        Allowance(Unit.TOKENS, 5000.0, 4000.5, 0.012),
    )


@pytest.mark.parametrize(
    ("reset", "seconds"),
    [
        (b"30", 30.0),
        (b"0", 0.0),
        (b"2m59.56s", 179.56),
        (b"2026-11-24T12:01:00Z", 60.0),
        (b"%d" % (NOW + 7), 7.0),
        (b"%d" % ((NOW + 7) * 1000), 7.0),
        (b"-1", None),
        (b"soon", None),
    ],
)
def test_a_reset_may_be_in_any_format(reset: bytes, seconds: float | None) -> None:
    assert read(remaining_requests=b"1", reset_requests=reset) == (
        Allowance(Unit.REQUESTS, None, 1.0, seconds),
    )


@pytest.mark.parametrize("limit", [b"-1", b"0", b"", b"many", b"nan", b"1, 1;w=60"])
@pytest.mark.parametrize("remaining", [b"-1", b"0", b"5"])
def test_without_a_real_limit_nothing_is_known(limit: bytes, remaining: bytes) -> None:
    """Azure writes -1 or 0: taken for an exhausted limit, they would stop all calls."""
    assert read(limit_requests=limit, remaining_requests=remaining, reset_requests=b"5") == ()


@pytest.mark.parametrize("remaining", [b"-1", b"", b"few"])
def test_what_is_left_may_be_unknown(remaining: bytes) -> None:
    assert read(limit_requests=b"10", remaining_requests=remaining) == (
        Allowance(Unit.REQUESTS, 10.0, None, None),
    )


def test_nothing_left_is_nothing_left() -> None:
    assert read(limit_requests=b"10", remaining_requests=b"0") == (
        Allowance(Unit.REQUESTS, 10.0, 0.0, None),
    )


def test_a_reset_alone_says_nothing() -> None:
    assert read(reset_requests=b"5") == ()
    assert read() == ()


def test_without_a_table_no_header_is_looked_at() -> None:
    assert read_allowances([(b"x-limit-remaining-requests", b"1")], {}, WALL) == ()


@given(st.lists(st.tuples(st.sampled_from(sorted(TABLE)) | st.binary(), st.binary(max_size=20))))
def test_no_header_raises_or_gives_nonsense(headers: list[tuple[bytes, bytes]]) -> None:
    for allowance in read_allowances(headers, TABLE, WALL):
        for figure in (allowance.limit, allowance.remaining, allowance.reset):
            assert figure is None or 0 <= figure < float("inf")
        assert allowance.limit != 0
