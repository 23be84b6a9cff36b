"""Finds the beginnings of a prompt that its provider is asked to keep in its prompt cache.

Three ways are known, and may be mixed:

- a mark on a block of the prompt ends a prefix: `cache_control` (Anthropic, and models of theirs
  behind other APIs), `prompt_cache_breakpoint` (OpenAI);
- a block that is nothing but a mark: `cachePoint` (Bedrock's Converse);
- `cache_control` of the whole request marks its last block (Anthropic);
- `prompt_cache_key` says which requests begin alike, wherever that beginning ends (OpenAI).

A prefix is known by a keyed digest of all that stands before its mark, in the order in which
providers take it: tools, system prompt, messages. The marks themselves are no part of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import orjson

from sidecar.metering.documents import dig, parsed

MINUTES = 300.0
"""Seconds that providers keep a prefix since its last use where nothing else is asked for: Anthropic
5 minutes, OpenAI 5 to 10."""

MOST = 4
"""Marks that count, the last ones: no provider keeps more of one request."""

_LIVES = {"5m": MINUTES, "30m": 1800.0, "1h": 3600.0, "12h": 43_200.0}
"""Seconds by `ttl`."""

_MARKS = {"cache_control": MINUTES, "prompt_cache_breakpoint": 1800.0, "cachePoint": MINUTES}
"""Names of marks, and the seconds that each means without `ttl`."""

_MARK_SIGNS = tuple(f'"{name}"'.encode() for name in _MARKS)
_SIGNS = (*_MARK_SIGNS, b'"prompt_cache_key"')

_TOOLS = (("tools",), ("toolConfig", "tools"))
_SYSTEM = (("system",), ("instructions",))
_MESSAGES = (("messages",), ("input",))


@dataclass(frozen=True, slots=True)
class PromptPrefix:
    """The beginning of a prompt, as far as telling it apart goes."""

    key: bytes
    """16 bytes, equal for equal beginnings in one scope; nothing can be read from it."""
    life: float
    """Seconds that the provider keeps it since its last use."""


def may_have_prefix(body: bytes) -> bool:
    """Whether it is worth a parse; says no to nearly all bodies, in microseconds."""
    return any(sign in body for sign in _SIGNS)


def prompt_prefixes(
    body: bytes, *, scope: Sequence[bytes], salt: bytes
) -> tuple[PromptPrefix, ...]:
    """A request's prefixes, the longest first; none where nothing in it is marked.

    `scope` is what a prompt cache does not reach across: upstream, model, credentials. `salt`, of at
    most 64 bytes, keeps the keys from meaning anything elsewhere.
    """
    document = parsed(body)
    if not isinstance(document, dict):
        return ()
    try:
        prompt = _Prompt(document, scope, salt)
        keyed = prompt.keyed()
        marked = prompt.marked() if any(sign in body for sign in _MARK_SIGNS) else ()
    except orjson.JSONEncodeError:  # nested deeper than can be written again: nobody's prompt
        return ()
    lives: dict[bytes, float] = {}
    for prefix in [*marked, *keyed]:
        lives[prefix.key] = max(prefix.life, lives.get(prefix.key, 0.0))
    return tuple(PromptPrefix(key, life) for key, life in lives.items())


class _Prompt:
    """One request's prompt, digested from its beginning on."""

    def __init__(self, document: Mapping[str, Any], scope: Sequence[bytes], salt: bytes) -> None:
        self._document = document
        self._digest = blake2b(digest_size=16, key=salt)
        for part in scope:
            self._take(part)

    def _take(self, part: bytes) -> None:
        self._digest.update(b"%d:%b" % (len(part), part))

    def keyed(self) -> Sequence[PromptPrefix]:
        """What OpenAI's key says; to be asked for before `marked`."""
        key = self._document.get("prompt_cache_key")
        if not isinstance(key, str) or not key:
            return ()
        digest = self._digest.copy()
        digest.update(b"key:" + key.encode())
        ttl = dig(self._document, ("prompt_cache_options", "ttl"))
        return (PromptPrefix(digest.digest(), _life(ttl, MINUTES)),)

    def marked(self) -> Sequence[PromptPrefix]:
        """What ends at marks, the longest first."""
        ends = [
            PromptPrefix(self._digest.digest(), life) for life in self._walk() if life is not None
        ]
        return ends[: -MOST - 1 : -1]

    def _walk(self) -> Iterator[float | None]:
        """Digest block by block; after each, the life of a prefix that ends here, if one does."""
        for name, block in self._blocks():
            yield self._digest_block(name, block)
        yield _mark({"cache_control": self._document.get("cache_control")})

    def _digest_block(self, name: bytes, block: object) -> float | None:
        if not isinstance(block, dict):
            # A text alone is the same as a list with one block of text.
            block = {"type": "text", "text": block} if isinstance(block, str) else {"": block}
        bare = {key: value for key, value in block.items() if key not in _MARKS}
        if bare:
            self._take(name)
            self._take(orjson.dumps(bare))
        return _mark(block)

    def _blocks(self) -> Iterator[tuple[bytes, object]]:
        """The prompt's blocks in order, each with what it is part of."""
        for tool in self._listed(_TOOLS):
            yield b"tool", tool
        for block in self._listed(_SYSTEM):
            yield b"system", block
        for message in self._listed(_MESSAGES):
            if not isinstance(message, dict) or "content" not in message:
                yield b"item", message
                continue
            role = message.get("role")
            name = role.encode() if isinstance(role, str) else b""
            for block in _listed(message["content"]):
                yield name, block

    def _listed(self, paths: Sequence[tuple[str, ...]]) -> Iterator[object]:
        for path in paths:
            yield from _listed(dig(self._document, path))


def _listed(value: object) -> Sequence[Any]:
    if isinstance(value, list):
        return value
    return () if value is None else (value,)


def _mark(block: Mapping[str, Any]) -> float | None:
    """Seconds of life that a mark on this block asks for; None where it has none."""
    for name, life in _MARKS.items():
        mark = block.get(name)
        if isinstance(mark, dict):
            return _life(mark.get("ttl"), life)
    return None


def _life(ttl: object, otherwise: float) -> float:
    return _LIVES.get(ttl, otherwise) if isinstance(ttl, str) else otherwise
