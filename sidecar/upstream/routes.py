"""Which upstream a path belongs to, and what is left of the path there."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import orjson

from sidecar.dialects import DIALECTS, Dialect
from sidecar.errors import ConfigError, NoRouteError
from sidecar.upstream.transport import Origin

WELL_KNOWN: Mapping[str, tuple[str, str]] = {
    "openai": ("openai", "https://api.openai.com"),
    "anthropic": ("anthropic", "https://api.anthropic.com"),
    "gemini": ("other", "https://generativelanguage.googleapis.com"),
    "mistral": ("openai", "https://api.mistral.ai"),
    "groq": ("openai", "https://api.groq.com"),
    "deepseek": ("openai", "https://api.deepseek.com"),
    "together": ("openai", "https://api.together.xyz"),
    "fireworks": ("openai", "https://api.fireworks.ai"),
    "openrouter": ("openai", "https://openrouter.ai"),
    "cohere": ("other", "https://api.cohere.com"),
}
"""Dialect and base URL of the upstreams that need no configuration."""

_NAME = re.compile(r"[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?")
_HOST = re.compile(r"[\w.:%-]+")
_TARGET = re.compile(rb"/[\x21-\x7e\x80-\xff]*")


@dataclass(frozen=True, slots=True)
class Upstream:
    """A provider's base URL and the dialect it speaks."""

    name: str
    dialect: Dialect
    origin: Origin
    base_path: bytes
    """Put before every target; empty or beginning with a slash and not ending with one."""


@dataclass(frozen=True, slots=True)
class Route:
    """Where one request goes."""

    upstream: Upstream
    target: bytes
    """Raw origin-form target at the upstream, query included."""

    @property
    def path(self) -> str:
        """The target's path without query, for telling endpoints apart."""
        return self.target.partition(b"?")[0].decode("latin-1")


class Routes:
    """The table of upstreams."""

    def __init__(self, upstreams: Mapping[str, Upstream], *, default: str) -> None:
        self._by_prefix = {f"/{name}".encode(): upstream for name, upstream in upstreams.items()}
        self._default = upstreams[default]

    def match(self, target: bytes) -> Route:
        """The route of a raw request target; nothing in it is decoded or normalised.

        Raises NoRouteError for a target that is not in origin form (RFC 9112, section 3.2.1).
        """
        if not _TARGET.fullmatch(target):
            raise NoRouteError("the request target must be a path")
        end = min(e for e in (target.find(b"/", 1), target.find(b"?"), len(target)) if e > 0)
        upstream = self._by_prefix.get(target[:end])
        if upstream is None:
            upstream = self._default
        else:
            target = target[end:]
            if not target.startswith(b"/"):
                target = b"/" + target
        return Route(upstream, upstream.base_path + target)


def parse_upstreams(text: str) -> dict[str, Upstream]:
    """Well-known upstreams and those of `SIDECAR_UPSTREAM_URLS` over them.

    `text` is a JSON object or a `name=url,name:dialect=url` list; empty = none.
    Raises ConfigError with one line per wrong entry.
    """
    upstreams = {name: _upstream(name, *entry) for name, entry in WELL_KNOWN.items()}
    problems: list[str] = []
    for label, url in _entries(text.strip()):
        name, _, dialect = label.partition(":")
        known = WELL_KNOWN.get(name, ("openai", ""))[0]
        try:
            upstreams[name] = _upstream(name, dialect or known, url)
        except ValueError as error:
            shown = label.partition("/")[0]  # a URL in the name's place may hold credentials
            problems.append(f"{shown!r}: {error}")
    if problems:
        raise ConfigError(problems)
    return upstreams


def _entries(text: str) -> list[tuple[str, str]]:
    if not text:
        return []
    if text.startswith("{"):
        try:
            entries = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise ConfigError([f"not a JSON object: {error.msg}"]) from error
        return [(name, url if isinstance(url, str) else "") for name, url in entries.items()]
    pairs = (item.partition("=") for item in text.split(",") if item.strip())
    return [(name.strip(), url.strip()) for name, _, url in pairs]


def _upstream(name: str, dialect: str, url: str) -> Upstream:
    if not _NAME.fullmatch(name):
        raise ValueError("a name is made of a-z, 0-9, - and _, at most 63 characters")
    if dialect not in DIALECTS:
        raise ValueError(f"unknown dialect; known: {', '.join(DIALECTS)}")
    parts = urlsplit(url)
    hostname = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(hostname):
        raise ValueError("needs a URL like https://host or http://host:port/path")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("the URL must have no credentials, query or fragment")
    if parts.port == 0:
        raise ValueError("the URL's port must be between 1 and 65535")
    tls = parts.scheme == "https"
    host = hostname if ":" in hostname else hostname.encode("idna").decode()
    path = parts.path.rstrip("/").encode()
    if path and not _TARGET.fullmatch(path):
        raise ValueError("the URL's path has characters that must be percent-encoded")
    origin = Origin(tls, host, parts.port or (443 if tls else 80))
    return Upstream(name, DIALECTS[dialect], origin, path)
