"""The beginnings of prompts that a provider keeps in its prompt cache."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import orjson

from sidecar.simulator.protocol.refusal import RefusedError, Trouble
from sidecar.simulator.protocol.text import Prompt, prompt

MINUTES = 300.0
"""Seconds that a beginning is kept since its last use, if nothing else is asked for."""
HOUR = 3600.0
_MOST_MARKS = 4  # Anthropic's own
_MARK = "cache_control"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefix:
    """The beginning of one prompt, up to some mark."""

    key: bytes
    """Equal for equal beginnings."""
    tokens: int
    """LLM tokens from the prompt's start."""
    life: float = MINUTES
    """Seconds that it is kept since its last use."""
    charged: bool = False
    """Writing it to the cache is told, and costs."""


@dataclass(frozen=True, slots=True)
class CacheUse:
    """What one answer had to do with the prompt cache, in LLM tokens."""

    read: int = 0
    written: int = 0
    written_1h: int = 0
    """Of `written`: to be kept for an hour."""


UNCACHED = CacheUse()


def keyed_prefix(key: object, first: object) -> tuple[Prefix, ...]:
    """OpenAI's: `prompt_cache_key` with the first thing said, if the request has such a key."""
    if not isinstance(key, str) or not key:
        return ()
    return (Prefix(key=_digest([key, first]), tokens=prompt(first).tokens),)


def marked_prompt(
    tools: object, system: object, messages: Sequence[object]
) -> tuple[Prompt, tuple[Prefix, ...]] | None:
    """Anthropic's: a prompt with blocks that carry `cache_control`; None where none does.

    Here the tools count as part of the prompt and the marks do not; the beginnings are told from
    the longest to the shortest. RefusedError for more marks than Anthropic allows.
    """
    blocks = [*_blocks(tools), *_blocks(system), *_said(messages)]
    marks = [number for number, (_, mark) in enumerate(blocks, 1) if mark]
    if not marks:
        return None
    if len(marks) > _MOST_MARKS:
        raise RefusedError(
            Trouble.BAD_REQUEST,
            f"A maximum of {_MOST_MARKS} blocks with cache_control may be provided."
            f" Found {len(marks)}.",
        )
    documents = [document for document, _ in blocks]
    prefixes = [_prefix(documents[:number], blocks[number - 1][1]) for number in reversed(marks)]
    return prompt(*documents), tuple(prefixes)


def _prefix(documents: Sequence[object], mark: dict[str, Any]) -> Prefix:
    return Prefix(
        key=_digest(documents),
        tokens=prompt(*documents).tokens,
        life=HOUR if mark.get("ttl") == "1h" else MINUTES,
        charged=True,
    )


Block = tuple[object, dict[str, Any]]
"""A part of a prompt, and its mark; empty where it has none."""


def _said(messages: Sequence[object]) -> Iterator[Block]:
    for message in messages:
        if not isinstance(message, dict):
            yield message, {}
            continue
        for document, mark in _blocks(message.get("content")):
            yield {"role": message.get("role"), "content": document}, mark


def _blocks(given: object) -> Iterator[Block]:
    for block in given if isinstance(given, list) else [] if given is None else [given]:
        if not isinstance(block, dict):
            yield block, {}
            continue
        mark = block.get(_MARK)
        yield (
            {name: value for name, value in block.items() if name != _MARK},
            mark if isinstance(mark, dict) else {},
        )


def _digest(document: object) -> bytes:
    return blake2b(orjson.dumps(document), digest_size=16).digest()
