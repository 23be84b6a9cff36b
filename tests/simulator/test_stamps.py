"""Ids and dates are fresh, or fixed."""

from datetime import UTC, datetime, timedelta
from random import Random

from sidecar.simulator.stamps import Stamps


class _Clock:
    """A clock that stands."""

    time = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def now(self) -> float:
        """Nobody asks."""
        return 0.0

    def wall(self) -> datetime:
        """The time it was set to."""
        return self.time


def test_fresh_ids_differ_and_dates_follow_the_clock() -> None:
    clock = _Clock()
    stamps = Stamps(clock, Random(1), deterministic=False)

    assert stamps.new_id(1) != stamps.new_id(1)
    assert len(stamps.new_id(1)) == 24
    assert stamps.date(stamps.wall()) == "Fri, 02 Jan 2026 03:04:05 GMT"
    clock.time += timedelta(seconds=1.5)
    assert stamps.date(stamps.wall()) == "Fri, 02 Jan 2026 03:04:06 GMT"
    assert stamps.millis(0.0129) == "12"


def test_fixed_ids_depend_on_the_seed_alone() -> None:
    stamps = Stamps(_Clock(), Random(1), deterministic=True)

    assert stamps.new_id(1) == stamps.new_id(1) != stamps.new_id(2)
    assert stamps.date(stamps.wall()) == "Mon, 01 Jan 2024 00:00:00 GMT"
    assert stamps.millis(0.5) == stamps.millis(0.9)
