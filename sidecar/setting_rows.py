"""Settings for people, as `llm-sidecar config` and the README show them."""

from dataclasses import dataclass
from typing import Literal, get_args

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings


def allowed_values(field: FieldInfo) -> str:
    """What a setting may be, in words."""
    kinds = [
        kind for kind in get_args(field.annotation) or (field.annotation,) if kind is not type(None)
    ]
    if kinds[0] is str:
        return "text"
    if kinds[0] is bool:
        return "true or false"
    if isinstance(kinds[0], str):  # a Literal's values
        return " or ".join(kinds)
    number = "a whole number" if kinds[0] is int else "a number"
    signs = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    bounds = [
        f"{words} {getattr(limit, sign)}"
        for limit in field.metadata
        for sign, words in signs.items()
        if hasattr(limit, sign)
    ]
    return ", ".join([number, " and ".join(bounds)] if bounds else [number])


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting for people: `llm-sidecar config` and the README show these."""

    name: str
    value: str
    default: str
    source: Literal["environment", "default"]
    unit: str
    allowed: str
    effect: str


def setting_rows(settings: BaseSettings) -> list[SettingRow]:
    """All settings in the order of their class."""
    prefix = settings.model_config.get("env_prefix", "")
    rows = []
    for name, field in type(settings).model_fields.items():
        extra = field.json_schema_extra
        unit = extra["unit"] if isinstance(extra, dict) else ""
        rows.append(
            SettingRow(
                name=prefix + name.upper(),
                value=_shown(getattr(settings, name)),
                default=_shown(field.default),
                source="environment" if name in settings.model_fields_set else "default",
                unit=str(unit),
                allowed=allowed_values(field),
                effect=field.description or "",
            )
        )
    return rows


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return "none" if value in (None, "") else str(value)
