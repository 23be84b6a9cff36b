"""Settings as people see them, on settings made for this."""

from typing import Any, Literal

import pytest
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from sidecar.setting_rows import SettingRow, allowed_values, setting_rows


class Few(BaseSettings):
    """One of each kind."""

    model_config = SettingsConfigDict(env_prefix="FEW_")

    words: str = Field(default="", description="what it does", json_schema_extra={"unit": "words"})
    switch: bool = True
    choice: Literal["a", "b"] = "a"
    count: int = Field(default=3, ge=1, le=9)
    ratio: float | None = Field(default=None, gt=0)
    free: float = 0.5


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("words", "text"),
        ("switch", "true or false"),
        ("choice", "a or b"),
        ("count", "a whole number, at least 1 and at most 9"),
        ("ratio", "a number, above 0"),
        ("free", "a number"),
    ],
)
def test_what_a_setting_may_be_is_said_in_words(name: str, allowed: str) -> None:
    assert allowed_values(Few.model_fields[name]) == allowed


@pytest.mark.parametrize(
    ("set_to", "shown"),
    [
        ({}, {"words": "none", "switch": "true", "count": "3", "ratio": "none", "free": "0.5"}),
        ({"switch": False, "ratio": 2.0, "words": "x"}, {"switch": "false", "ratio": "2"}),
    ],
)
def test_values_are_shown_as_the_environment_would_give_them(
    set_to: dict[str, Any], shown: dict[str, str]
) -> None:
    rows = {row.name: row.value for row in setting_rows(Few(**set_to))}

    assert {name: rows[f"FEW_{name.upper()}"] for name in shown} == shown


def test_a_row_has_all_that_is_known_of_a_setting() -> None:
    row = setting_rows(Few(words="hello"))[0]

    assert row == SettingRow(
        name="FEW_WORDS",
        value="hello",
        default="none",
        source="environment",
        unit="words",
        allowed="text",
        effect="what it does",
    )


def test_rows_stand_in_the_order_of_the_class_and_say_what_was_not_set() -> None:
    rows = setting_rows(Few())

    assert [row.name for row in rows] == [f"FEW_{name.upper()}" for name in Few.model_fields]
    assert {row.source for row in rows} == {"default"}
    assert (rows[1].unit, rows[1].effect) == ("", "")
