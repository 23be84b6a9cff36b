"""A request as bytes on the wire: request line, fields, framing (RFC 9112, sections 3, 5 and 6)."""

from sidecar.upstream.headers import TO_WEBSOCKET
from sidecar.upstream.transport import UpstreamRequest

CHUNKED_END = b"0\r\n\r\n"
"""The last chunk, and no trailers (RFC 9112, section 7.1)."""


def encode_head(request: UpstreamRequest, host: bytes) -> bytes:
    """The request's head with its final empty line; fields go out byte for byte as given.

    Raises ValueError where a CR, LF, NUL or (in the request line) a space would change what the
    head says. The message quotes nothing of the request.
    """
    method = request.method.encode("ascii")
    target = request.target
    if b" " in target or b" " in method or not target or not method:
        raise ValueError("empty method or target, or a space in one of them")
    lines = [b"%b %b HTTP/1.1" % (method, target), b"Host: " + host]
    lines += [b"%b: %b" % field for field in request.headers]
    if request.websocket:
        lines += [b"%b: %b" % field for field in TO_WEBSOCKET]
    framing = _framing(request)
    if framing:
        lines.append(framing)
    lines.append(b"\r\n")
    head = b"\r\n".join(lines)
    # Every CR and LF in the head must be one of ours: three fast scans instead of one per field.
    ends = len(lines)
    if head.count(b"\n") != ends or head.count(b"\r") != ends or b"\0" in head:
        raise ValueError("CR, LF or NUL in the method, target or a field of a request")
    return head


def encode_chunk(piece: bytes) -> bytes:
    """A piece of a body as one chunk; an empty piece would end the body, so it must not come."""
    return b"%x\r\n%b\r\n" % (len(piece), piece)


def _framing(request: UpstreamRequest) -> bytes:
    """The field that tells where the body ends (RFC 9112, section 6.3); empty = no body."""
    if request.body is None:
        return b""
    if isinstance(request.body, bytes):
        return b"Content-Length: %d" % len(request.body)
    if request.content_length is not None:
        return b"Content-Length: %d" % request.content_length
    return b"Transfer-Encoding: chunked"
