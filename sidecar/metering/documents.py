"""Looks into parsed JSON documents whose shape nobody promised."""

from typing import Any

import orjson

Path = tuple[str, ...]
"""Keys from the outermost object inwards."""


def parsed(text: bytes) -> Any:
    """The document; None where it is no JSON (and where it is `null`)."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def dig(document: object, path: Path) -> Any:
    """The value at a path of keys in a parsed document; None where there is none."""
    for key in path:
        if not isinstance(document, dict):
            return None
        document = document.get(key)
    return document
