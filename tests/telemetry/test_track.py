"""One limit's last 15 minutes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.telemetry.track import COLUMNS, KEPT, UNKNOWN, Track

WAITING = COLUMNS.index("waiting")


def filled(*numbers: int) -> Track:
    """With a sample of each number, whose figures all are that number."""
    track = Track()
    for number in numbers:
        track.put(number, [number] * len(COLUMNS))
    return track


def test_a_new_track_knows_nothing() -> None:
    track = Track()

    assert track.columns(0, 3) == [[UNKNOWN] * 3] * len(COLUMNS)
    assert track.known("waiting", 0, 3) == []


@given(end=st.integers(0, 3 * KEPT), length=st.integers(0, KEPT))
def test_the_last_samples_are_read_as_they_were_written(end: int, length: int) -> None:
    track = filled(*range(end))
    first = max(0, end - length)

    assert track.columns(first, end)[WAITING] == list(range(first, end))


def test_what_is_unknown_is_left_out_of_what_is_known() -> None:
    track = filled(3, 5)

    assert track.known("waiting", 2, 7) == [3, 5]


def test_a_figure_too_large_is_the_largest_there_is() -> None:
    track = Track()
    track.put(0, [2**40] * len(COLUMNS))

    assert track.known("waiting", 0, 1) == [2**31 - 1]


def test_a_row_must_be_whole() -> None:
    with pytest.raises(ValueError, match="shorter"):
        Track().put(0, [1])
