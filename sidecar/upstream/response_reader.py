"""One response, from bytes to head, body pieces and trailers: no I/O, no clock.

llhttp does the parsing; this file adds what llhttp leaves to its caller, with RFC 9112 in hand:

* interim responses (1xx) are skipped (RFC 9110, 15.2), except 101: it is the last response on its
  connection, and an error unless we asked for a WebSocket and got one (RFC 9110, 7.8);
* the answer to HEAD ends with its head, whatever its framing fields say (6.3, rule 1);
* a transfer coding other than `chunked` is refused: we never offered one in TE (7.4);
* HTTP/1.0 with Transfer-Encoding may be framed wrongly: the connection is not used again (6.1);
* a head, trailers and chunk extensions are bounded: llhttp has no limit and buffers in memory;
* bytes after the end belong to no request of ours: the connection is not used again (9.2).

llhttp itself refuses obsolete folding, repeated or invalid Content-Length, Content-Length together
with Transfer-Encoding, bare LF, bare CR and control bytes; `test_response_reader.py` holds it to that.

A reader lives for one exchange: making a parser costs 0.3 us, and nothing of one response can leak
into the next.
"""

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from sidecar.errors import (
    NoAnswerError,
    StreamBrokenError,
    UpstreamError,
    UpstreamProtocolError,
)
from sidecar.upstream.headers import to_websocket
from sidecar.upstream.transport import RawHeaders, ResponseHead

SWITCHED = 101
"""Status: what follows the head is no HTTP."""

_LINE_BYTES = 4
"""`: ` and CR LF of a field line, when the size of a head is counted."""


class ResponseReader:
    """Reads the one response to a request; `feed` what came, then look at the attributes."""

    __slots__ = (
        "_fields",
        "_for_head",
        "_max_head_bytes",
        "_parser",
        "_reason",
        "_unbounded",
        "_until_eof",
        "_websocket",
        "complete",
        "head",
        "keep_alive",
        "on_body",
        "pieces",
        "started",
        "trailers",
    )

    def __init__(self, *, for_head: bool, max_head_bytes: int, websocket: bool = False) -> None:
        self.head: ResponseHead | None = None
        """The final response's head, once it is whole."""
        self.pieces: list[bytes] = []
        """Body pieces not yet taken, one for each chunk or part of a chunk in a read.

        Behind a 101 whatever came, as it came.
        """
        self.trailers: list[tuple[bytes, bytes]] = []
        self.started = False
        """Whether any byte came at all."""
        self.complete = False
        """Whether the response has ended, as its framing says."""
        self.keep_alive = False
        """Whether the connection may carry another exchange; False until `complete`."""
        self._for_head = for_head
        self._websocket = websocket
        self._max_head_bytes = max_head_bytes
        self._unbounded = 0  # bytes since the last piece of body: heads, trailers, extensions
        self._until_eof = False
        self._reason = b""
        self._fields: list[tuple[bytes, bytes]] = []
        self.on_body = self.pieces.append  # llhttp's callback without a Python frame per chunk
        self._parser: HttpResponseParser | None = HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        """Take one read.

        Raises UpstreamProtocolError for what is no HTTP response head, StreamBrokenError for a
        malformed body. The pieces before the fault can still be taken.
        """
        self.started = True
        parser = self._parser
        if parser is None:
            self._feed_behind_the_end(data)
            return
        self._unbounded += len(data)
        try:
            parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as exc:
            if not self.complete:
                raise self._fault(exc) from exc
            # A second response, rubbish, or what a 101 promised.
            rest = exc.args[0] if isinstance(exc, HttpParserUpgrade) else len(data)
            self._feed_behind_the_end(data[rest:])
        if self.complete:
            self._end()
        elif self.pieces:
            self._unbounded = 0
        elif self._unbounded > self._max_head_bytes:
            raise self.broken("over the size limit")

    def take(self) -> list[bytes]:
        """The pieces that came since the last call."""
        pieces = self.pieces.copy()
        self.pieces.clear()
        return pieces

    def finish(self) -> None:
        """The connection has ended.

        Raises UpstreamProtocolError before a whole head, StreamBrokenError in a body whose framing
        promised more (RFC 9112, section 8).
        """
        if not self.complete:
            if not self._until_eof:
                raise self.broken("cut off by the end of the connection")
            self.complete = True
            self._parser = None
        self.keep_alive = False

    # llhttp's callbacks

    def on_message_begin(self) -> None:
        """A response starts: ours, the one after an interim one, or one too many."""
        if self.complete:
            raise UpstreamProtocolError("a second response to one request")

    def on_status(self, reason: bytes) -> None:
        """A part of the reason phrase; it may be split between reads."""
        self._reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        """One field of a head, or of the trailers."""
        self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        """A head is whole; interim ones are dropped here."""
        parser = self._parser
        assert parser is not None  # noqa: S101 - feed() holds it while callbacks run
        status, fields = parser.get_status_code(), self._fields
        if status == SWITCHED:
            self._switch(parser.get_http_version(), willing=parser.should_upgrade())
            return
        if status < 200:
            self._skip_interim(status)
            return
        self._check_head(parser.get_http_version())
        length, chunked = _framing(fields)
        bodyless = self._for_head or status in {204, 304}
        self._until_eof = length is None and not chunked and not bodyless
        self.head = ResponseHead(status, self._reason, fields, 0 if bodyless else length)
        self._fields = self.trailers
        if self._for_head:
            self.complete = True
            # llhttp goes on looking for a body. A part of a chunk size would leave no trace, so
            # only an answer with a plain length, or none, leaves the connection usable.
            self.keep_alive = parser.should_keep_alive() and not chunked

    def on_message_complete(self) -> None:
        """A response has ended. Only here does llhttp know whether the connection stays."""
        if self.head is None or self.complete:
            return  # an interim response, or HEAD, which ended with its head
        self.complete = True
        parser = self._parser
        assert parser is not None  # noqa: S101 - feed() holds it while callbacks run
        self.keep_alive = parser.should_keep_alive() and not (
            parser.get_http_version() == "1.0" and _framing(self.head.headers)[1]
        )

    # helpers

    def _feed_behind_the_end(self, data: bytes) -> None:
        """These bytes answer nothing; or they are no HTTP, as was agreed."""
        self.keep_alive = False
        if data and self.head is not None and self.head.status == SWITCHED:
            self.pieces.append(data)

    def _switch(self, version: str, *, willing: bool) -> None:
        """A 101: its head is all of it, whatever its framing fields say (RFC 9112, 6.3).

        `willing`: llhttp found both `Upgrade` and the `Connection` that names it.
        """
        granted = willing and version == "1.1" and to_websocket(self._fields)
        if not (self._websocket and granted):
            raise UpstreamProtocolError("switched to a protocol that was not asked for")
        self._check_head(version)
        self.head = ResponseHead(SWITCHED, self._reason, self._fields, 0)
        self.complete = True

    def _skip_interim(self, status: int) -> None:
        if status < 100:
            raise UpstreamProtocolError(f"unexpected status {status}")
        self._fields.clear()
        self._reason = b""

    def _check_head(self, version: str) -> None:
        if not version.startswith("1."):
            raise UpstreamProtocolError(f"answered with HTTP version {version}")
        if self._unbounded > self._max_head_bytes:  # maybe: the read may hold body bytes too
            size = sum(len(name) + len(value) + _LINE_BYTES for name, value in self._fields)
            if size > self._max_head_bytes:
                raise UpstreamProtocolError("response head over the size limit")

    def _end(self) -> None:
        """Let go of the parser: it and we refer to each other."""
        self._parser = None
        if self._for_head and self.pieces:
            self.pieces.clear()
            self.keep_alive = False

    def _fault(self, exc: Exception) -> UpstreamError:
        """Our own error where a callback raised it, else one with llhttp's reason, a fixed text."""
        cause = exc.__context__
        if isinstance(cause, UpstreamError):
            return cause
        if isinstance(exc, HttpParserUpgrade):
            return self.broken("unexpected upgrade")
        return self.broken(f"malformed: {exc}")

    def broken(self, how: str) -> UpstreamError:
        """The error for a response that ends here: which one depends on how far it had come."""
        if not self.started:
            return NoAnswerError(f"response head {how}")
        if self.head is None:
            return UpstreamProtocolError(f"response head {how}")
        return StreamBrokenError(f"response body {how}")


def _framing(fields: RawHeaders) -> tuple[int | None, bool]:
    """(Content-Length, whether chunked), of fields that llhttp found consistent.

    Raises UpstreamProtocolError for any other transfer coding.
    """
    length: int | None = None
    chunked = False
    for name, value in fields:
        size = len(name)  # cheaper than lower() on each of a dozen fields
        if size == 14 and name.lower() == b"content-length":
            length = int(value)
        elif size == 17 and name.lower() == b"transfer-encoding":
            if chunked or value.strip().lower() != b"chunked":
                raise UpstreamProtocolError("response with an unsupported transfer coding")
            chunked = True
    return length, chunked
