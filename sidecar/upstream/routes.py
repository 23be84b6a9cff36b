"""Which upstream a request belongs to, and what is left of its target there.

An app says it in one of three ways:

- by the path: `/<name>/…` with a configured upstream's name, which is taken off. Any other path
  goes to the default upstream, and so does `/openai/…` if that one speaks Azure's dialect: the
  paths of Azure's own API begin so;
- by the target's host (`POST http://host/path HTTP/1.1`): what an SDK sends to an HTTP proxy;
- by the `Host` field, if it is a configured upstream's: what an SDK sends whose connections, but
  not whose requests, were pointed at the sidecar.

With the last two the path passes untouched. They are for providers that have Host and path signed
(Bedrock, SigV4), where a prefix would void the signature: the transport then sends the very Host
that was signed. Only hosts of configured upstreams are served: the sidecar is no open proxy.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from sidecar.dialects import DIALECTS, Dialect
from sidecar.errors import ConfigError, NoRouteError
from sidecar.upstream.transport import Origin

WELL_KNOWN: Mapping[str, tuple[str, str]] = {
    "openai": ("openai", "https://api.openai.com"),
    "anthropic": ("anthropic", "https://api.anthropic.com"),
    "gemini": ("gemini", "https://generativelanguage.googleapis.com"),
    "mistral": ("mistral", "https://api.mistral.ai"),
    "groq": ("groq", "https://api.groq.com"),
    "deepseek": ("deepseek", "https://api.deepseek.com"),
    "together": ("together", "https://api.together.xyz"),
    "fireworks": ("fireworks", "https://api.fireworks.ai"),
    "openrouter": ("openrouter", "https://openrouter.ai"),
    "cohere": ("cohere", "https://api.cohere.com"),
}
"""Dialect and base URL of the upstreams that need no configuration."""

_NAME = re.compile(r"[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?")
_HOST = re.compile(r"[\w.:%-]+")
_TARGET = re.compile(rb"/[\x21-\x7e\x80-\xff]*")
_ABSOLUTE = re.compile(rb"https?://([^/?]+)([/?].*)?", re.DOTALL | re.IGNORECASE)
_DEFAULT_PORT = re.compile(rb":(?:80|443)?\Z")
_AZURE_PREFIX = b"/openai"


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
        self._default = upstreams[default]
        self._by_prefix = {f"/{name}".encode(): upstream for name, upstream in upstreams.items()}
        if self._default.dialect.name == "azure":
            self._by_prefix.pop(_AZURE_PREFIX, None)
        self._by_host = _by_host((self._default, *upstreams.values()))

    def match(self, target: bytes, host: bytes | None) -> Route:
        """The route of a raw request target; nothing in it is decoded or normalised.

        `host` is the `Host` field, if there is one; a target with a host of its own counts more
        (RFC 9112, section 3.2.2). Raises NoRouteError for a host that is not configured in such a
        target, and for a target that is neither a path nor a URL.
        """
        if not target.startswith(b"/"):
            return self._match_absolute(target)
        if not _TARGET.fullmatch(target):
            raise NoRouteError("the request target must be a path")
        if host is not None and (there := self._by_host.get(host.lower())):
            upstream = _nearest(there, target)
            if upstream is not None:
                return Route(upstream, target)
        return self._match_path(target)

    def _match_absolute(self, target: bytes) -> Route:
        found = _ABSOLUTE.fullmatch(target)
        if found is None:
            raise NoRouteError("the request target must be a path")
        host = _DEFAULT_PORT.sub(b"", found[1].lower())
        path = found[2] or b"/"
        if path.startswith(b"?"):
            path = b"/" + path
        upstream = _nearest(self._by_host.get(host, ()), path)
        if upstream is None or not _TARGET.fullmatch(path):
            raise NoRouteError("no upstream is configured for this host")
        return Route(upstream, path)

    def _match_path(self, target: bytes) -> Route:
        end = min(e for e in (target.find(b"/", 1), target.find(b"?"), len(target)) if e > 0)
        upstream = self._by_prefix.get(target[:end])
        if upstream is None:
            upstream = self._default
        else:
            target = target[end:]
            if not target.startswith(b"/"):
                target = b"/" + target
        return Route(upstream, upstream.base_path + target)


def _by_host(upstreams: Iterable[Upstream]) -> dict[bytes, list[Upstream]]:
    """By all values of `Host` that mean the upstream's own; the longest base path comes first."""
    found: dict[bytes, list[Upstream]] = {}
    for upstream in upstreams:
        host = upstream.origin.host_header
        found.setdefault(host, []).append(upstream)
        port = b":%d" % upstream.origin.port
        if not host.endswith(port):
            found.setdefault(host + port, []).append(upstream)
    for there in found.values():
        there.sort(key=lambda upstream: -len(upstream.base_path))
    return found


def _nearest(upstreams: Iterable[Upstream], target: bytes) -> Upstream | None:
    """The first of a host's upstreams that the target lies within."""
    for upstream in upstreams:
        base = upstream.base_path
        if target.startswith(base) and target[len(base) : len(base) + 1] in (b"/", b"?", b""):
            return upstream
    return None


def parse_upstreams(text: str) -> dict[str, Upstream]:
    """Well-known upstreams and those of `SIDECAR_UPSTREAM_URLS` over them.

    `text` is a JSON object or a `name=url,name:dialect=url` list; empty = none.
    Raises ConfigError with one line per wrong entry.
    """
    upstreams = {name: _upstream(name, *entry) for name, entry in WELL_KNOWN.items()}
    problems: list[str] = []
    seen: set[str] = set()
    for label, url in _entries(text.strip()):
        name, _, dialect = label.partition(":")
        shown = label.partition("/")[0]  # a URL in the name's place may hold credentials
        if name in seen:
            problems.append(f"{shown!r}: the name is given twice")
            continue
        seen.add(name)
        known = WELL_KNOWN.get(name, ("openai", ""))[0]
        try:
            upstreams[name] = _upstream(name, dialect or known, url)
        except ValueError as error:
            problems.append(f"{shown!r}: {error}")
    if problems:
        raise ConfigError(problems)
    return upstreams


def _entries(text: str) -> list[tuple[str, str]]:
    """Labels and URLs, in order; a label that is given twice comes twice."""
    if not text:
        return []
    if text.startswith("{"):
        try:
            entries = json.loads(text, object_pairs_hook=list)
        except json.JSONDecodeError as error:
            raise ConfigError([f"not a JSON object: {error.msg}"]) from error
        return [(name, url if isinstance(url, str) else "") for name, url in entries]
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
