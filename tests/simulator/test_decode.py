"""TOML tables become dataclasses, strictly; what is wrong is said with file and key."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import pytest

from sidecar.simulator.decode import Decoder


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, kw_only=True)
class Wheel:
    spokes: int
    size: float = 1.0

    def __post_init__(self) -> None:
        if self.spokes == 0:
            raise ValueError("a wheel needs spokes")


@dataclass(frozen=True, kw_only=True)
class Car:
    name: str
    fast: bool = False
    seats: int | None = 4
    length: float = 4.0
    colour: Colour = Colour.RED
    spare: Wheel | None = None
    wheels: tuple[Wheel, ...] = ()
    parts: Mapping[str, Wheel] = field(default_factory=dict)
    made: int = field(init=False, default=7)
    kept: str = field(default="kept", metadata={"key": False})


def decode(table: Any) -> tuple[Car | None, list[str]]:
    decoder = Decoder("car.toml")
    return decoder.decode(Car, table), decoder.problems


def test_every_kind_of_field_arrives() -> None:
    car, problems = decode(
        {
            "name": "x",
            "fast": True,
            "seats": 2,
            "length": 3,
            "colour": "blue",
            "spare": {"spokes": 8},
            "wheels": [{"spokes": 9, "size": 0.5}],
            "parts": {"steering": {"spokes": 3}},
        }
    )

    assert problems == []
    assert car == Car(
        name="x",
        fast=True,
        seats=2,
        length=3.0,
        colour=Colour.BLUE,
        spare=Wheel(spokes=8),
        wheels=(Wheel(spokes=9, size=0.5),),
        parts={"steering": Wheel(spokes=3)},
    )


def test_what_is_left_out_has_its_default() -> None:
    assert decode({"name": "x"}) == (Car(name="x"), [])


def test_an_optional_count_may_be_unlimited_but_other_fields_may_not() -> None:
    car, problems = decode({"name": "x", "seats": "unlimited"})
    assert problems == []
    assert car
    assert car.seats is None

    assert decode({"name": "x", "made": "unlimited"})[1][0].startswith("car.toml: made: unknown")
    assert decode({"name": "x", "length": "unlimited"})[1] == [
        "car.toml: length: must be a number, not 'unlimited'"
    ]


@pytest.mark.parametrize("name", ["made", "kept"])
def test_fields_that_are_no_keys_cannot_be_set(name: str) -> None:
    _, (problem,) = decode({"name": "x", name: "y"})

    assert problem == (
        f"car.toml: {name}: unknown; known: colour, fast, length, name, parts, seats, spare, wheels"
    )


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"name": 1}, "name: must be a text, not 1"),
        ({"fast": 1}, "fast: must be true or false, not 1"),
        ({"seats": True}, "seats: must be a whole number, not True"),
        ({"seats": 1.0}, "seats: must be a whole number, not 1.0"),
        ({"seats": -1}, "seats: must not be -1"),
        ({"length": True}, "length: must be a number, not True"),
        ({"length": float("inf")}, "length: must not be inf"),
        ({"length": float("nan")}, "length: must not be nan"),
        ({"length": -0.5}, "length: must not be -0.5"),
        ({"colour": "green"}, "colour: must be one of red, blue, not 'green'"),
        ({"colour": {}}, "colour: must be one of red, blue, not a table"),
        ({"spare": 3}, "spare: must be a table, not 3"),
        ({"spare": {}}, "spare.spokes: is missing"),
        ({"spare": {"spokes": 0}}, "spare: a wheel needs spokes"),
        ({"wheels": {}}, "wheels: must be a list, not a table"),
        ({"wheels": [{"spokes": 1}, []]}, "wheels[1]: must be a table, not a list"),
        ({"wheels": [{"spokes": 1}, {"spokes": 0}]}, "wheels[1]: a wheel needs spokes"),
        ({"parts": []}, "parts: must be a table, not a list"),
        ({"parts": {"a b": {"spokes": "8"}}}, "parts.a b.spokes: must be a whole number, not '8'"),
    ],
)
def test_a_wrong_value_is_named_with_its_place(wrong: dict[str, Any], complaint: str) -> None:
    car, problems = decode({"name": "x"} | wrong)

    assert car is None
    assert problems == [f"car.toml: {complaint}"]


def test_everything_wrong_is_said_at_once() -> None:
    _, problems = decode({"colour": "green", "spare": {"spoke": 1}, "wings": 2})

    assert [problem.split(": ")[1] for problem in problems] == [
        "wings",
        "name",
        "colour",
        "spare.spoke",
        "spare.spokes",
    ]


@pytest.mark.parametrize("table", [None, 3, [], "text"])
def test_a_file_that_is_no_table_is_said_so(table: object) -> None:
    car, (problem,) = decode(table)

    assert car is None
    assert problem.startswith("car.toml: must be a table, not ")
