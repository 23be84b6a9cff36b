"""Reads and writes embeddings answers without touching their numbers.

A vector is thousands of numbers that nobody here looks at. Reading them would cost a hundred times
as much as finding where they end, and writing them again would change how they are written. So each
list of numbers is taken out as the bytes that it is, and put back as the same bytes.
"""

import re
from typing import Any

import orjson

_TEXT_OR_LIST = re.compile(rb'"|\[(?=[ \t\r\n]*[-0-9])')
_ESCAPED_TEXT = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
"""Texts are found to be stepped over: what looks like a list in there is none."""

_QUOTE = 0x22
_NO_NUMBERS = (b"[", b'"', b"{")

_MARK = "\0"
_MARK_WRITTEN = b"\\u0000"
"""How a text begins that stands for a list while the rest is parsed; and how JSON writes it, always,
so that an answer which has one of its own is known."""


def read_answer(body: bytes) -> Any:
    """The document, its lists of numbers as `orjson.Fragment`.

    Raises orjson.JSONDecodeError, a ValueError; RecursionError where it is nested very deep.
    """
    if _MARK_WRITTEN in body:
        return orjson.loads(body)  # its numbers keep their values, if not their digits
    pieces, lists = _taken_apart(body)
    return _put_back(orjson.loads(b"".join(pieces)), lists)


def write_answer(document: object) -> bytes:
    """The document as JSON. Raises orjson.JSONEncodeError, a TypeError, where it is nested too deep."""
    return orjson.dumps(document)


def _taken_apart(body: bytes) -> tuple[list[bytes], list[orjson.Fragment]]:
    """The body with a mark in place of each list of numbers, and the lists."""
    pieces: list[bytes] = []
    lists: list[orjson.Fragment] = []
    written = at = end = 0
    while found := _TEXT_OR_LIST.search(body, at):
        start, at = found.span()
        if body[start] == _QUOTE:
            at = _end_of_text(body, start)
            continue
        if end <= at:
            end = body.find(b"]", at) + 1
        if not end:
            break  # no JSON, as the parser will say
        at = _end_of_numbers(body, at, end)
        if at < end:
            continue
        pieces += (body[written:start], b'"\\u0000%d"' % len(lists))
        lists.append(orjson.Fragment(body[start:end]))
        written = end
    pieces.append(body[written:])
    return pieces, lists


def _end_of_numbers(body: bytes, start: int, end: int) -> int:
    """The first sign that no list of numbers has, else `end`. Each scan ends where the one before
    did, so that lists in lists are not read again and again."""
    for sign in _NO_NUMBERS:
        place = body.find(sign, start, end)
        if place >= 0:
            end = place
    return end


def _end_of_text(body: bytes, start: int) -> int:
    """Behind the closing quote; vectors may be texts too, so that most are found by two scans."""
    end = body.find(b'"', start + 1) + 1
    if end and body.find(b"\\", start, end) < 0:
        return end
    found = _ESCAPED_TEXT.match(body, start)
    return found.end() if found else len(body)  # cut off: no JSON, as the parser will say


def _put_back(value: Any, lists: list[orjson.Fragment]) -> Any:
    if isinstance(value, str):
        return lists[int(value[1:])] if value.startswith(_MARK) else value
    if isinstance(value, list):
        return [_put_back(item, lists) for item in value]
    if isinstance(value, dict):
        return {key: _put_back(item, lists) for key, item in value.items()}
    return value
