"""TOML tables into frozen dataclasses, strictly: every complaint names the file and the key."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import StrEnum
from math import isfinite
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")

_UNLIMITED = "unlimited"
_NAMES: Mapping[type, str] = {
    str: "a text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
}


class Decoder:
    """Reads one file's tables and gathers what is wrong with them."""

    def __init__(self, file: str) -> None:
        self._file = file
        self.problems: list[str] = []
        """One line each."""

    def decode(self, kind: type[T], table: object, key: str = "") -> T | None:
        """An instance of a dataclass; None where something in the table is wrong."""
        if not isinstance(table, Mapping):
            self._complain(key, f"must be a table, not {_show(table)}")
            return None
        before = len(self.problems)
        known = {entry.name: entry for entry in _fields(kind)}
        self._check_keys(table, known, key)
        hints = get_type_hints(kind)
        values = {
            name: self._value(hints[name], table[name], _join(key, name))
            for name in known
            if name in table
        }
        if len(self.problems) > before:
            return None
        try:
            return kind(**values)
        except ValueError as exc:
            self._complain(key, str(exc))
            return None

    def _check_keys(
        self, table: Mapping[str, Any], known: Mapping[str, Field[Any]], key: str
    ) -> None:
        for name in table:
            if name not in known:
                self._complain(_join(key, name), f"unknown; known: {', '.join(sorted(known))}")
        for name, entry in known.items():
            required = entry.default is MISSING and entry.default_factory is MISSING
            if required and name not in table:
                self._complain(_join(key, name), "is missing")

    def _value(self, hint: Any, value: object, key: str) -> Any:
        if isinstance(hint, UnionType):
            return self._optional(hint, value, key)
        origin = get_origin(hint)
        if origin is tuple:
            return self._items(get_args(hint)[0], value, key)
        if origin is Mapping:
            return self._tables(get_args(hint)[1], value, key)
        kind: type[Any] = hint
        if is_dataclass(hint):
            return self.decode(kind, value, key)
        if issubclass(kind, StrEnum):
            return self._choice(kind, value, key)
        return self._scalar(kind, value, key)

    def _optional(self, hint: UnionType, value: object, key: str) -> Any:
        (kind,) = (part for part in get_args(hint) if part is not NoneType)
        if kind is int and value == _UNLIMITED:
            return None
        return self._value(kind, value, key)

    def _items(self, kind: Any, value: object, key: str) -> tuple[Any, ...]:
        if not isinstance(value, list):
            self._complain(key, f"must be a list, not {_show(value)}")
            return ()
        return tuple(self._value(kind, item, f"{key}[{index}]") for index, item in enumerate(value))

    def _tables(self, kind: Any, value: object, key: str) -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            self._complain(key, f"must be a table, not {_show(value)}")
            return {}
        return {name: self._value(kind, item, _join(key, name)) for name, item in value.items()}

    def _choice(self, kind: type[StrEnum], value: object, key: str) -> StrEnum | None:
        known = [member.value for member in kind]
        if value not in known:
            self._complain(key, f"must be one of {', '.join(known)}, not {_show(value)}")
            return None
        return kind(value)

    def _scalar(self, kind: type, value: object, key: str) -> object:
        # bool is an int to Python, not to us; a whole number is a number.
        fits = type(value) is kind or (kind is float and type(value) is int)
        if not fits:
            self._complain(key, f"must be {_NAMES[kind]}, not {_show(value)}")
            return None
        if isinstance(value, int | float) and (not isfinite(value) or value < 0):
            self._complain(key, f"must not be {_show(value)}")
            return None
        return float(value) if kind is float and isinstance(value, int) else value

    def _complain(self, key: str, problem: str) -> None:
        where = f"{self._file}: {key}: " if key else f"{self._file}: "
        self.problems.append(f"{where}{problem}")


def _fields(kind: Any) -> list[Field[Any]]:
    return [entry for entry in fields(kind) if entry.init and entry.metadata.get("key", True)]


def _join(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _show(value: object) -> str:
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list):
        return "a list"
    return repr(value)
