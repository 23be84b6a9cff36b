"""Facts that listeners hear."""

from dataclasses import FrozenInstanceError, fields
from typing import get_args

import pytest

from sidecar.events import Event, LimitChanged, NullObserver
from sidecar.outcomes import LimitReason

CHANGE = LimitChanged("u", "m", 1, 2, LimitReason.PROBE)


def test_a_fact_does_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        CHANGE.after = 3  # type: ignore[misc]  # just that is refused


def test_who_need_not_listen_hears_nothing() -> None:
    NullObserver().notify(CHANGE)


def test_no_event_can_carry_bytes() -> None:
    """A key, a header or a body is bytes wherever it passes through."""
    for event in get_args(Event):
        assert all("bytes" not in str(field.type) for field in fields(event))
