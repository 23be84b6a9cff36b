"""Reads the tokens that an answer says it used."""

from collections.abc import Sequence

import orjson


def output_tokens(body: bytes, paths: Sequence[tuple[str, ...]]) -> int | None:
    """Output tokens of a whole JSON answer; None where it names none (nonsense never raises)."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    for path in paths:
        value = dig(document, path)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
    return None


def dig(document: object, path: tuple[str, ...]) -> object:
    """The value at a path of keys in a parsed JSON document; None where there is none."""
    for key in path:
        if not isinstance(document, dict):
            return None
        document = document.get(key)
    return document
