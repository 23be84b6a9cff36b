"""Provider and app in one: `python -m benchmarks.metering.load`, a process of its own.

Each chunk is sent when the app has the one before it, so that each is a read, and a write, of its
own for the sidecar. Prints the provider's port; reads a line of JSON with the sidecar's port, and
what to stream how often.
"""

import json
import socket
import sys

from benchmarks.dataplane.payloads import STREAMED_CHAT, request
from benchmarks.metering.bodies import events, gzipped

_PATIENCE = 20.0


def _until(line: socket.socket, end: bytes) -> bytes:
    data = b""
    while end not in data:
        more = line.recv(65536)
        if not more:
            raise SystemExit("the sidecar hung up")
        data += more
    return data


def _pass(sender: socket.socket, receiver: socket.socket, data: bytes) -> None:
    """The same bytes must come out."""
    sender.sendall(data)
    got = 0
    while got < len(data):
        got += len(receiver.recv(65536))


def _head(encoded: bool) -> bytes:
    coding = b"Content-Encoding: gzip\r\n" if encoded else b""
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n%b"
        b"x-request-id: req_0\r\nTransfer-Encoding: chunked\r\n\r\n" % coding
    )


def main() -> None:
    """One stream after the other on the same two connections."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        job = json.loads(sys.stdin.readline())
        pieces = events(job["events"])
        sent = gzipped(pieces) if job["gzip"] else pieces
        chunks = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in sent]
        app = socket.create_connection(("127.0.0.1", job["port"]), timeout=_PATIENCE)
        app.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        ask = request("stream", STREAMED_CHAT)
        provider: socket.socket | None = None
        for _ in range(job["streams"]):
            app.sendall(ask)
            if provider is None:
                listener.settimeout(_PATIENCE)
                provider, _ = listener.accept()
                provider.settimeout(_PATIENCE)
                provider.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _until(provider, STREAMED_CHAT[-20:])
            provider.sendall(_head(job["gzip"]))
            _until(app, b"\r\n\r\n")
            for chunk in chunks:
                _pass(provider, app, chunk)
            _pass(provider, app, b"0\r\n\r\n")


if __name__ == "__main__":
    main()
