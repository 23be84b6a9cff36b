"""Each mode stands for a law."""

import pytest

from sidecar.control.config import LimitConfig
from sidecar.control.controller import LimitController
from sidecar.control.fixed import FixedLimit, Observed
from sidecar.control.modes import AnyLimit, Mode, law_factory


@pytest.mark.parametrize(
    ("mode", "kind"), [("adaptive", LimitController), ("fixed", FixedLimit), ("observe", Observed)]
)
def test_a_mode_makes_its_law_with_the_configured_numbers(mode: Mode, kind: type[AnyLimit]) -> None:
    law = law_factory(mode, LimitConfig(initial=7))(100.0)

    assert type(law) is kind
    assert law.limit == 7


@pytest.mark.parametrize("mode", ["adaptive", "fixed", "observe"])
def test_each_key_gets_a_law_of_its_own(mode: Mode) -> None:
    """A rejection at one provider must not throttle another."""
    make = law_factory(mode, LimitConfig())

    assert make(0.0) is not make(0.0)
