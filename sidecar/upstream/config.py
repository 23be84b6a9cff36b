"""What can be set about talking to a provider."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamConfig:
    """Time and size limits of the upstream connections. Raises ValueError where one cannot work."""

    connect_timeout: float = 5.0
    """Seconds for DNS, TCP and TLS together; > 0. A dead provider costs a caller this long."""
    read_timeout: float = 600.0
    """Seconds without a byte from the provider, before the head or in mid-body; > 0.

    Time in which nothing is asked of the provider (a slow app, upload or download) does not count.
    """
    idle_timeout: float = 60.0
    """Seconds a connection is kept without use, up to half as long again; > 0.

    Longer saves handshakes, shorter meets fewer connections that the provider has just closed.
    """
    stale_window: float = 1.0
    """Seconds after sending on a reused connection in which its loss means "was already closed".

    Only then is the request sent again, on a new connection; >= 0, 0 = never. See `client.py`.
    """
    max_head_bytes: int = 65536
    """Bytes of a response head, interim responses included, and of trailers; > 0."""
    read_ahead_bytes: int = 65536
    """Body bytes taken in before `relay` is called; reading pauses beyond, by at most one read."""

    def __post_init__(self) -> None:
        for name in ("connect_timeout", "read_timeout", "idle_timeout"):
            seconds = getattr(self, name)
            if not 0 < seconds < math.inf:
                raise ValueError(f"{name} must be a positive number of seconds, not {seconds}")
        if not 0 <= self.stale_window < math.inf:
            raise ValueError(f"stale_window must be 0 or more seconds, not {self.stale_window}")
        for name in ("max_head_bytes", "read_ahead_bytes"):
            size = getattr(self, name)
            if size < 1:
                raise ValueError(f"{name} must be a positive number of bytes, not {size}")
