"""TCP keep-alive: probes on a silent connection."""

import socket

_OPTIONS = {
    "TCP_KEEPIDLE": 60,  # seconds; AWS balancers forget a silent connection after 350, Azure's 240
    "TCP_KEEPINTVL": 15,  # seconds between probes that nobody answers
    "TCP_KEEPCNT": 4,  # unanswered probes until the kernel resets the connection
}


def keep_alive(sock: socket.socket | None) -> None:
    """Notice a peer that vanished, and remind balancers on the way that the connection is used.

    An answer may take minutes in which no byte flows. A transport without an IP socket is left alone.
    """
    if sock is None or sock.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _OPTIONS.items():
        if hasattr(socket, name):  # macOS lacks TCP_KEEPIDLE
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
