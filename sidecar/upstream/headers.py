"""Which header fields pass, in both directions.

Only hop-by-hop fields go (RFC 9110, section 7.6.1): those that every proxy must remove, and those
that `Connection` names. Everything else passes byte for byte, in order, duplicates included.

An upgrade is hop-by-hop too. The only one that is asked for and granted anew on the next hop is that
to WebSocket; any other (`h2c`, …) ends here, and so its connection goes on being read as HTTP/1.1.
"""

from collections.abc import Callable

from sidecar.upstream.transport import RawHeaders

OWN = b"x-sidecar-"
"""Prefix of the fields between the app and the sidecar; never passed on to a provider."""

_HOP_BY_HOP = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"transfer-encoding",
        b"upgrade",
    )
)

_REMADE = frozenset((b"host", b"content-length", b"expect"))
"""Request fields that the transport writes anew, or that the proxy has already answered."""


TO_WEBSOCKET: RawHeaders = ((b"Connection", b"Upgrade"), (b"Upgrade", b"websocket"))
"""What asks for a WebSocket, and grants it, on one hop (RFC 6455, section 4)."""


def to_websocket(fields: RawHeaders) -> bool:
    """Whether `Upgrade` names WebSocket and nothing else. What `Connection` says is not looked at."""
    upgrades = [value for name, value in fields if name.lower() == b"upgrade"]
    return len(upgrades) == 1 and upgrades[0].strip().lower() == b"websocket"


def request_headers(fields: RawHeaders) -> list[tuple[bytes, bytes]]:
    """What of an app's request goes to the provider."""
    gone = _HOP_BY_HOP | _REMADE | _named_by_connection(fields)
    return [
        field
        for field in fields
        if (name := field[0].lower()) not in gone and not name.startswith(OWN)
    ]


def response_headers(fields: RawHeaders) -> list[tuple[bytes, bytes]]:
    """What of a provider's response goes to the app; its framing is the sink's business."""
    gone = _HOP_BY_HOP | _named_by_connection(fields)
    return [field for field in fields if field[0].lower() not in gone]


def uncompressed(fields: RawHeaders) -> list[tuple[bytes, bytes]]:
    """The same fields, asking for an answer that can be read as it passes."""
    others = [field for field in fields if field[0].lower() != b"accept-encoding"]
    return [*others, (b"Accept-Encoding", b"identity")]


def _named_by_connection(fields: RawHeaders) -> frozenset[bytes]:
    """Fields that `Connection` declares hop-by-hop; never the ones that frame the message."""
    values = [value for name, value in fields if name.lower() == b"connection"]
    if not values or (len(values) == 1 and values[0].lower() in (b"keep-alive", b"close")):
        return frozenset()  # nearly every message
    names = {name.strip().lower() for value in values for name in value.split(b",")}
    return frozenset(names - {b"content-length"})


def lookup(fields: RawHeaders) -> Callable[[bytes], bytes | None]:
    """A look-up of a field's first value by its lower-case name."""
    return {name.lower(): value for name, value in reversed(fields)}.get
