"""Decodes compressed answers aside, to be looked into; the bytes that pass stay as they are.

Decoders never raise. What they give is bounded, for a few bytes can decode to gigabytes: of each
read at most `DECODED_BYTES`, beyond which an answer is not looked into any more.
"""

import sys
import zlib
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Protocol

DECODED_BYTES = 1_048_576
"""Bound on what one call decodes: a whole answer, or one read of a stream."""

_MOST_MEMBERS = 64
"""Compressed parts, one behind the other, in one call: an honest answer has one."""

_GZIP_OR_ZLIB = zlib.MAX_WBITS + 32  # let zlib find out which of the two it is
_WINDOW_LOG = 23
"""A zstd window of 8 MiB, the largest that HTTP allows (RFC 9659)."""

_PLAIN = (None, b"", b"identity")


class Coding(Protocol):
    """One compressed part."""

    ended: bool
    """It came to its proper end."""
    rest: bytes
    """What followed this end."""

    def decode(self, data: bytes) -> bytes:
        """More of it. Raises whatever its library does; gives DECODED_BYTES or more if too much."""
        ...


class Decoder:
    """Decodes one answer, all at once or read by read."""

    __slots__ = ("_coding", "_make", "failed")

    def __init__(self, make: Callable[[], Coding] | None) -> None:
        """`make` begins a compressed part; None where nobody knows how."""
        self._make = make
        self._coding: Coding | None = None
        self.failed = make is None
        """Nothing more will be decoded: garbled, too much, or in an unknown coding."""

    @property
    def ended(self) -> bool:
        """Whether what was fed is complete."""
        return not self.failed and self._coding is not None and self._coding.ended

    def feed(self, data: bytes) -> bytes:
        """What can be read with this; less than DECODED_BYTES."""
        if self._make is None or self.failed:
            return b""
        try:
            return self._decode(data, self._make)
        except Exception:  # noqa: BLE001  # each library has an error of its own
            self.failed = True
            return b""

    def _decode(self, data: bytes, make: Callable[[], Coding]) -> bytes:
        text, members = b"", 0
        while data:
            if self._coding is None or self._coding.ended:
                self._coding = make()
                members += 1
            text += self._coding.decode(data)
            if len(text) >= DECODED_BYTES or members > _MOST_MEMBERS:
                self.failed = True
                return b""
            data = self._coding.rest if self._coding.ended else b""
        return text


def plain(encoding: bytes | None) -> bool:
    """Whether bodies with this `content-encoding`, in lower case, need no decoding."""
    return encoding in _PLAIN


def decoder(encoding: bytes | None) -> Decoder:
    """For bodies with this `content-encoding`, in lower case; several codings are unknown ones."""
    return Decoder(_CODINGS.get(encoding or b""))


def decoded(body: bytes, encoding: bytes | None) -> bytes | None:
    """A whole body; None where it is cut off, garbled, too large or in an unknown coding."""
    if plain(encoding):
        return body
    decoding = decoder(encoding)
    text = decoding.feed(body)
    return text if decoding.ended else None


class _Zlib:
    def __init__(self, window_bits: int = _GZIP_OR_ZLIB) -> None:
        self.ended = False
        self.rest = b""
        self._made = zlib.decompressobj(window_bits)

    def decode(self, data: bytes) -> bytes:
        text = self._made.decompress(data, DECODED_BYTES)
        self.ended, self.rest = self._made.eof, self._made.unused_data
        return text


class _Deflate(_Zlib):
    """zlib's format, as the standard says, or bare deflate, as some servers think."""

    def __init__(self) -> None:
        super().__init__()
        self._begun = False

    def decode(self, data: bytes) -> bytes:
        if not self._begun:
            self._begun = True
            if data[0] & 0x0F != zlib.DEFLATED:
                self._made = zlib.decompressobj(-zlib.MAX_WBITS)
        return super().decode(data)


class _Brotli:
    rest = b""  # its library takes what follows the end for an error

    def __init__(self) -> None:
        self.ended = False
        self._made: Any = import_module("brotli").Decompressor()  # has no types

    def decode(self, data: bytes) -> bytes:
        text = part = self._process(data)
        while part and len(text) < DECODED_BYTES:
            part = self._process(b"")  # it may give less than it could
            text += part
        self.ended = self._made.is_finished()
        return text

    def _process(self, data: bytes) -> bytes:
        return bytes(self._made.process(data, output_buffer_limit=DECODED_BYTES))


class _Zstd:
    def __init__(self) -> None:
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd

        self.ended = False
        self.rest = b""
        window = {int(zstd.DecompressionParameter.window_log_max): _WINDOW_LOG}
        self._made = zstd.ZstdDecompressor(options=window)

    def decode(self, data: bytes) -> bytes:
        text = self._made.decompress(data, DECODED_BYTES)
        self.ended, self.rest = self._made.eof, self._made.unused_data
        return text


_CODINGS: Mapping[bytes, Callable[[], Coding]] = {
    b"gzip": _Zlib,
    b"x-gzip": _Zlib,
    b"deflate": _Deflate,
    b"br": _Brotli,
    b"zstd": _Zstd,
}
"""Libraries outside the standard one are loaded at the first answer that needs them."""
