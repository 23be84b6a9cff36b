"""Odd but lawful requests and answers, byte for byte."""

import gzip
from dataclasses import dataclass

# Not this machine's encoders: two recorded frames, since nothing on the way may look inside.
BROTLI = bytes.fromhex("8b0380656e636f6465642062792062726f746c6903")
ZSTD = bytes.fromhex("28b52ffd04586100007a737464206279746573210a1b2c3d4e")
GZIP = gzip.compress(b'{"model":"packed","messages":[]}', mtime=0)
LONG = b"k" * 20_000

_JSON = b"Content-Type: application/json\r\n"


def _request(line: bytes, fields: bytes = b"", body: bytes | None = None) -> bytes:
    framing = b"" if body is None else b"Content-Length: %d\r\n" % len(body)
    return line + b" HTTP/1.1\r\nHost: app\r\n" + fields + framing + b"\r\n" + (body or b"")


def _chunked(line: bytes, fields: bytes, *chunks: bytes) -> bytes:
    body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in chunks)
    return (
        line
        + b" HTTP/1.1\r\nHost: app\r\nTransfer-Encoding: chunked\r\n"
        + fields
        + b"\r\n"
        + body
        + b"0\r\n\r\n"
    )


_FORM = (
    b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n'
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.mp3"\r\n'
    b"Content-Type: audio/mpeg\r\n\r\n\xff\xfb\x90\x00\r\n--b--\r\n"
)

REQUESTS: dict[str, bytes] = {
    "get": _request(b"GET /v1/models"),
    "patch": _request(b"PATCH /v1/x", _JSON, b'{"a":1}'),
    "put": _request(b"PUT /v1/x", b"", b"\x00\x01\x02"),
    "delete with body": _request(b"DELETE /v1/files/f-1", _JSON, b'{"why":"test"}'),
    "delete without body": _request(b"DELETE /v1/files/f-1"),
    "options": _request(b"OPTIONS /v1/x", b"Origin: http://a\r\n"),
    "trace": _request(b"TRACE /v1/x"),
    "purge": _request(b"PURGE /v1/x"),
    "propfind": _request(b"PROPFIND /v1/x", b"Depth: 1\r\n"),
    "get with body": _request(b"GET /v1/x", _JSON, b'{"model":"m"}'),
    "post without body": _request(b"POST /v1/x"),
    "post of length 0": _request(b"POST /v1/x", b"", b""),
    "encoded slash": _request(b"GET /v1/files/a%2Fb%2f%2E%2e"),
    "encoded nul and question mark": _request(b"GET /v1/%00%3F?x=%00%26"),
    "double slashes": _request(b"GET //v1///x//"),
    "dots": _request(b"GET /v1/./a/../b"),
    "semicolons": _request(b"GET /v1/x;a=1;b=2?c=3;d=4"),
    "escaped bytes": _request(b"GET /v1/%C3%A9%ff?q=%e9%FE"),
    "empty query": _request(b"GET /v1/x?"),
    "two question marks": _request(b"GET /v1/x??a=?b"),
    "odd characters": _request(b'GET /v1/x!$&\'()*+,=:@~[]|^`{}<>"\\?a=[]|{}^`"<>\\'),
    "half an escape": _request(b"GET /v1/100%?a=%zz%"),
    "azure deployment": _request(
        b"POST /v1/deployments/gpt-4/chat/completions?api-version=1", _JSON, b"{}"
    ),
    "duplicate fields": _request(b"GET /v1/x", b"X-A: 1\r\nX-B: 2\r\nX-A: 3\r\nx-a: 1\r\n"),
    "field case": _request(b"GET /v1/x", b"aUtHoRiZaTiOn: Bearer k\r\nX-STAINLESS-lang: py\r\n"),
    "field bytes": _request(b"GET /v1/x", b"X-Latin: caf\xe9\r\nX-Utf: \xf0\x9f\x98\x80\r\n"),
    "bytes above ascii": _request(b"GET /v1/x", b"X-All: " + bytes(range(0x80, 0x100)) + b"\r\n"),
    "empty fields": _request(b"GET /v1/x", b"X-Empty:\r\nX-Blank: \r\nX-Next: 1\r\n"),
    "odd field names": _request(b"GET /v1/x", b"x!#$%&'*+-.^_`|~9: 1\r\n_: 2\r\n"),
    "inner white space": _request(b"GET /v1/x", b"X-Tab: a\tb  c\r\n"),
    "long field": _request(b"GET /v1/x", b"Authorization: Bearer " + LONG + b"\r\n"),
    "long target": _request(b"GET /v1/x?" + LONG),
    "many fields": _request(b"GET /v1/x", b"".join(b"X-%d: %d\r\n" % (n, n) for n in range(200))),
    "cookies": _request(b"GET /v1/x", b"Cookie: a=1; b=2\r\n"),
    "accept-encoding kept": _request(b"GET /v1/x", b"Accept-Encoding: br;q=1.0, zstd\r\n"),
    "trace context": _request(b"GET /v1/x", b"traceparent: 00-ab-cd-01\r\ntracestate: a=b\r\n"),
    "forwarded kept": _request(b"GET /v1/x", b"Via: 1.1 a\r\nX-Forwarded-For: 1.2.3.4\r\n"),
    "gzip body": _request(b"POST /v1/x", _JSON + b"Content-Encoding: gzip\r\n", GZIP),
    "brotli body": _request(b"POST /v1/x", _JSON + b"Content-Encoding: br\r\n", BROTLI),
    "zstd body": _request(b"POST /v1/x", _JSON + b"Content-Encoding: zstd\r\n", ZSTD),
    "a lying content-encoding": _request(b"POST /v1/x", b"Content-Encoding: gzip\r\n", b"plain"),
    "multipart": _request(
        b"POST /v1/audio/transcriptions",
        b"Content-Type: multipart/form-data; boundary=b\r\n",
        _FORM,
    ),
    "json with odd spacing": _request(
        b"POST /v1/chat/completions", _JSON, b'{ "model" :"m",\r\n "a":1e2,"b":1.0,"a":2 }\n'
    ),
    "chunked": _chunked(b"POST /v1/x", _JSON, b'{"mod', b'el":', b'"m"}'),
    "chunked and empty": _chunked(b"POST /v1/x", b""),
    "hop-by-hop fields": _request(
        b"GET /v1/x",
        b"Connection: keep-alive, X-Private\r\nX-Private: 1\r\nKeep-Alive: timeout=5\r\n"
        b"TE: trailers\r\nProxy-Connection: keep-alive\r\nX-Public: 1\r\n",
    ),
    "upgrade that nobody grants": _request(
        b"GET /v1/realtime", b"Connection: Upgrade\r\nUpgrade: websocket\r\nX-Public: 1\r\n"
    ),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider says."""

    data: bytes
    method: str = "GET"
    close: bool = False
    """The provider ends the connection behind it."""


def _answer(fields: bytes, body: bytes = b"hi", status: bytes = b"200 OK") -> bytes:
    head = b"HTTP/1.1 " + status + b"\r\n" + fields + b"Content-Length: %d\r\n\r\n" % len(body)
    return head + body


def _streamed(fields: bytes, *chunks: bytes, trailers: bytes = b"") -> bytes:
    body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in chunks)
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + fields + b"\r\n"
    return head + body + b"0\r\n" + trailers + b"\r\n"


_SSE = b"Content-Type: text/event-stream\r\n"

ANSWERS: dict[str, Answer] = {
    "plain": Answer(_answer(b"Content-Type: text/plain\r\n")),
    "empty": Answer(_answer(b"", b"")),
    "set-cookie twice": Answer(_answer(b"Set-Cookie: a=1; Path=/\r\nSet-Cookie: b=2\r\n")),
    "field case and order": Answer(_answer(b'x-B: 1\r\nX-a: 2\r\nETAG: W/"x"\r\nx-b: 3\r\n')),
    "field bytes": Answer(_answer(b"X-Latin: caf\xe9\r\nX-Utf: \xf0\x9f\x98\x80\r\nX-Empty:\r\n")),
    "long field": Answer(_answer(b"X-Long: " + LONG + b"\r\n")),
    "rate-limit fields": Answer(
        _answer(
            b"x-ratelimit-reset-requests: 12ms\r\nretry-after-ms: 5\r\nx-should-retry: true\r\n"
        )
    ),
    "no reason": Answer(b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nhi"),
    "not even the space before it": Answer(b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nhi"),
    "odd reason": Answer(_answer(b"", status=b"200 Tr\xe8s bien: (a) <b>")),
    "unknown status": Answer(_answer(b"", status=b"799 What")),
    "529": Answer(_answer(b"", b'{"type":"error"}', status=b"529 Overloaded")),
    "429": Answer(_answer(b"Retry-After: 1\r\n", b"{}", status=b"429 Too Many Requests")),
    "500": Answer(_answer(b"", b"<html>", status=b"500 Internal Server Error")),
    "redirect not followed": Answer(
        _answer(b"Location: http://127.0.0.1:1/other\r\n", b"", status=b"307 Temporary Redirect")
    ),
    "204": Answer(b"HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n"),
    "304 with a length": Answer(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n"),
    "304 without one": Answer(b'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n'),
    "HEAD with a length": Answer(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", "HEAD"),
    "HEAD, chunked": Answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HEAD"),
    "HEAD without framing": Answer(b"HTTP/1.1 200 OK\r\nX-A: 1\r\n\r\n", "HEAD"),
    "HEAD, 404": Answer(b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\n", "HEAD"),
    "100 before it": Answer(b"HTTP/1.1 100 Continue\r\n\r\n" + _answer(b"")),
    "103 before it": Answer(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + _answer(b"")),
    "gzip": Answer(_answer(b"Content-Encoding: gzip\r\n", GZIP)),
    "brotli": Answer(_answer(b"Content-Encoding: br\r\n", BROTLI)),
    "zstd": Answer(_answer(b"Content-Encoding: zstd\r\n", ZSTD)),
    "a lying content-encoding": Answer(_answer(b"Content-Encoding: gzip\r\n", b"not gzip")),
    "chunk boundaries": Answer(_streamed(b"", b"a", b"bc", b"\r\n", b"0\r\n\r\n", b"d" * 5000)),
    "chunked, gzip": Answer(_streamed(b"Content-Encoding: gzip\r\n", GZIP[:7], GZIP[7:])),
    "chunked and empty": Answer(_streamed(b"")),
    "trailers": Answer(
        _streamed(b"Trailer: X-Sum\r\n", b"body", trailers=b"X-Sum: 9\r\nx-b: \xe9\r\n")
    ),
    "chunk extensions": Answer(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nhi\r\n0;c\r\n\r\n"
    ),
    "events with LF": Answer(_streamed(_SSE, b'data: {"a":1}\n\n', b"data: [DONE]\n\n")),
    "events with CR LF": Answer(_streamed(_SSE, b"event: x\r\ndata: 1\r\n\r\n")),
    "events with CR": Answer(_streamed(_SSE, b"event: x\rdata: 1\r\r")),
    "events with comments": Answer(
        _streamed(_SSE, b": keep-alive\n\n", b"\n\n:\n", b"data: 1\n\n")
    ),
    "events cut within characters": Answer(
        _streamed(_SSE, b"data: \xf0\x9f", b"\x98\x80\xc3", b"\xa9\n", b"\n")
    ),
    "events of no encoding": Answer(_streamed(_SSE, b"data: \xff\xfe\n\n\xef\xbb\xbf")),
    "an error event": Answer(
        _streamed(_SSE, b'event: error\ndata: {"error":{"type":"overloaded_error"}}\n\n')
    ),
    "bytes that are no events": Answer(_streamed(_SSE, b"\x00" * 100, b"{}")),
    "until the end of the connection": Answer(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil the end", close=True
    ),
    "connection: close": Answer(_answer(b"Connection: close\r\nX-A: 1\r\n"), close=True),
    "HTTP/1.0": Answer(b"HTTP/1.0 200 OK\r\nX-A: 1\r\n\r\nold", close=True),
    "hop-by-hop fields": Answer(
        _answer(
            b"Connection: keep-alive, x-private\r\nX-Private: 1\r\nKeep-Alive: timeout=5\r\n"
            b"Proxy-Authenticate: Basic\r\nX-Public: 1\r\n"
        )
    ),
    "amazon event stream": Answer(
        _answer(b"Content-Type: application/vnd.amazon.eventstream\r\n", bytes(range(256)) * 4)
    ),
}
