"""An SDK that ran into its own timeout comes back, within a known time."""

import pytest

from sidecar.sharing.sdk_retry import gave_up, retry_within


@pytest.mark.parametrize(
    ("waited", "read_timeout", "expected"),
    [(60.0, 60.0, True), (54.0, 60.0, True), (53.9, 60.0, False), (600.0, None, False)],
)
def test_who_leaves_at_its_timeout_comes_again(
    waited: float, read_timeout: float | None, expected: bool
) -> None:
    assert gave_up(waited, read_timeout) is expected


@pytest.mark.parametrize(
    ("tries", "seconds"), [(0, 1.5), (1, 2.0), (2, 3.0), (4, 9.0), (5, 9.0), (999_999_999, 9.0)]
)
def test_the_pause_doubles_up_to_eight_seconds(tries: int, seconds: float) -> None:
    assert retry_within(tries) == seconds
