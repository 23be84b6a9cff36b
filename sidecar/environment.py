"""Reads the settings from the environment, and says all that is wrong with it; nothing else reads it."""

import difflib
import os
import re
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from sidecar.errors import ConfigError
from sidecar.setting_rows import allowed_values
from sidecar.settings import PREFIX, Settings

# Kubernetes puts such variables into every pod of a namespace that has a service called "sidecar…".
_SERVICE_LINK = re.compile(
    r"SIDECAR_(\w+_)?(SERVICE_(HOST|PORT(_\w+)?)=.*|PORT(_\d+_(TCP|UDP|SCTP)_\w+=.*|\w*=\w+://.*))"
)


def load_settings() -> Settings:
    """The settings that the environment gives.

    Raises ConfigError with one line per wrong setting: its name, its value, what is allowed.
    """
    problems = [_stranger(name) for name in _strangers()]
    try:
        settings = Settings()
    except ValidationError as error:
        raise ConfigError(problems + [_problem(detail) for detail in error.errors()]) from error
    except ConfigError as error:
        raise ConfigError(problems + error.problems) from error
    if problems:
        raise ConfigError(problems)
    return settings


def _strangers() -> Iterator[str]:
    for name in sorted(os.environ):
        known = name.removeprefix(PREFIX).lower() in Settings.model_fields
        link = _SERVICE_LINK.fullmatch(f"{name}={os.environ[name]}")
        if name.startswith(PREFIX) and not known and not link:
            yield name


def _stranger(name: str) -> str:
    known = [PREFIX + field.upper() for field in Settings.model_fields]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]
    return f"{name}: no such setting; the nearest is {near}"


def _problem(detail: Any) -> str:
    field = str(detail["loc"][0]).lower().removeprefix(PREFIX.lower())
    allowed = allowed_values(Settings.model_fields[field])
    return f"{PREFIX}{field.upper()}={detail['input']!r}: must be {allowed}"
