"""Finds the model that the beginning of a request body names.

What a body holds is the app's business: anything unreadable simply names no model.
"""

import re

import orjson

JSON = b"application/json"
MULTIPART = b"multipart/form-data"

PREFIX_BYTES = 16_384
"""As much of a streamed body's beginning is looked at: bounds the time spent in `model_in_prefix`."""

_QUOTE = 0x22
# A string that the prefix cuts off counts to its end, without a second try at each quote inside it.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[{}\[\],:]', re.DOTALL)
_FORM_FIELD = re.compile(
    rb';\s*name="?model"?\r\n(?:[^\r\n]+\r\n)*\r\n([^\r\n]+)\r\n', re.IGNORECASE
)


def model_in_prefix(body: bytes, content_type: bytes) -> str | None:
    """The model, if the first `PREFIX_BYTES` of a body name it."""
    prefix = body[:PREFIX_BYTES]
    return _in_form(prefix) if content_type == MULTIPART else _in_partial_json(prefix)


def _in_form(prefix: bytes) -> str | None:
    found = _FORM_FIELD.search(prefix)
    return found[1].decode("utf-8", "replace") if found else None


def _in_partial_json(prefix: bytes) -> str | None:
    """Walk strings and brackets; `"model"` counts only as a key of the outermost object."""
    depth = 0
    previous = [b"", b"", b""]  # the three tokens before this one, oldest first
    for match in _TOKEN.finditer(prefix):
        token = match[0]
        is_value = depth == 1 and token[0] == _QUOTE and previous[1:] == [b'"model"', b":"]
        if is_value and previous[0] in (b"{", b","):
            return _decode(token)
        if token in b"{[":
            depth += 1
        elif token in b"}]":
            depth -= 1
        previous = [previous[1], previous[2], token]
    return None


def _decode(token: bytes) -> str | None:
    try:
        value = orjson.loads(token)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, str) else None
