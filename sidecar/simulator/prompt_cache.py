"""One model's prompt cache: which beginnings of prompts the provider still knows."""

from collections.abc import Sequence
from math import inf

from sidecar.simulator.protocol.prefix import HOUR, CacheUse, Prefix

_SWEEP_AT = 4096
"""Entries from which on the outlived ones are dropped."""


class PromptCache:
    """Entries by key, with the time when they are forgotten; times are loop seconds."""

    def __init__(self) -> None:
        self._until: dict[bytes, float] = {}

    def __repr__(self) -> str:
        return f"<PromptCache {len(self._until)} entries>"

    def use(self, prefixes: Sequence[Prefix], now: float) -> CacheUse:
        """What a prompt with these beginnings, the longest first, reads and has to write."""
        read = next((known.tokens for known in prefixes if self._knows(known, now)), 0)
        written, written_1h, upto = 0, 0, read
        for prefix in reversed(prefixes):
            if prefix.charged and prefix.tokens > upto:
                written += prefix.tokens - upto
                written_1h += prefix.tokens - upto if prefix.life == HOUR else 0
                upto = prefix.tokens
        return CacheUse(read, written, written_1h)

    def keep(self, prefixes: Sequence[Prefix], now: float) -> None:
        """The answer to a prompt with these beginnings has its first token: they are known now."""
        if len(self._until) >= _SWEEP_AT:
            self._until = {key: until for key, until in self._until.items() if until > now}
        for prefix in prefixes:
            self._until[prefix.key] = now + prefix.life

    def _knows(self, prefix: Prefix, now: float) -> bool:
        return self._until.get(prefix.key, -inf) > now
