"""Settings loaded from made environments."""

from collections.abc import Callable

import pytest

from sidecar.errors import ConfigError
from sidecar.settings import Settings

Load = Callable[..., Settings]
"""Loads the settings from exactly these variables: the fixture `load`."""


def problems(load: Load, **variables: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(**variables)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems
