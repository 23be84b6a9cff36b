"""The tree of errors."""

import re

import pytest

from sidecar import errors
from sidecar.errors import ConfigError, ShedError, SidecarError
from sidecar.outcomes import ShedReason


def test_the_docstring_draws_every_error() -> None:
    drawn = set(re.findall(r"\w+Error", errors.__doc__ or ""))
    kinds = {name for name, kind in vars(errors).items() if isinstance(kind, type)}

    assert drawn == {name for name in kinds if name.endswith("Error")}


def test_whatever_goes_wrong_on_the_way_is_one_family() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    for kind in kinds:
        if issubclass(kind, Exception):
            assert issubclass(kind, SidecarError)


@pytest.mark.parametrize("reason", ShedReason)
def test_a_shed_knows_its_reason_and_when_to_come_back(reason: ShedReason) -> None:
    error = ShedError(reason, retry_after=3.0)

    assert (error.reason, error.retry_after, str(error)) == (reason, 3.0, reason.value)
    assert ShedError(reason).retry_after is None


def test_wrong_settings_have_a_line_each() -> None:
    error = ConfigError(["one", "two"])

    assert error.problems == ["one", "two"]
    assert str(error) == "one\ntwo"
