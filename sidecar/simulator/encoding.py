"""Compressed answers: whole ones, and streams in which nothing waits for what comes after it."""

import sys
import zlib
from collections.abc import Callable, Mapping
from enum import StrEnum
from importlib import import_module
from typing import Protocol

_GZIP = 31
"""zlib's window bits for gzip."""
_ZLIB = 15
"""For what HTTP calls deflate."""


class Encoding(StrEnum):
    """Names of content encodings."""

    GZIP = "gzip"
    BR = "br"
    ZSTD = "zstd"
    DEFLATE = "deflate"


class Coder(Protocol):
    """Compresses one answer."""

    def part(self, data: bytes) -> bytes:
        """Some of it; all of it can be read from what is returned, and was before."""

    def last(self, data: bytes) -> bytes:
        """The rest of it."""


class Plain:
    """Leaves everything as it is."""

    def part(self, data: bytes) -> bytes:
        """The same."""
        return data

    def last(self, data: bytes) -> bytes:
        """The same."""
        return data


class _Zlib:
    def __init__(self, window_bits: int) -> None:
        self._made = zlib.compressobj(wbits=window_bits)

    def part(self, data: bytes) -> bytes:
        return self._made.compress(data) + self._made.flush(zlib.Z_SYNC_FLUSH)

    def last(self, data: bytes) -> bytes:
        return self._made.compress(data) + self._made.flush()


class _Brotli:
    def __init__(self) -> None:
        # Only where it is asked for; it has no types.
        self._made = import_module("brotli").Compressor()

    def part(self, data: bytes) -> bytes:
        return bytes(self._made.process(data) + self._made.flush())

    def last(self, data: bytes) -> bytes:
        return bytes(self._made.process(data) + self._made.finish())


class _Zstd:
    def __init__(self) -> None:
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd  # only where it is asked for

        self._made = zstd.ZstdCompressor()

    def part(self, data: bytes) -> bytes:
        return self._made.compress(data, self._made.FLUSH_BLOCK)

    def last(self, data: bytes) -> bytes:
        return self._made.compress(data, self._made.FLUSH_FRAME)


_CODERS: Mapping[Encoding, Callable[[], Coder]] = {
    Encoding.GZIP: lambda: _Zlib(_GZIP),
    Encoding.DEFLATE: lambda: _Zlib(_ZLIB),
    Encoding.BR: _Brotli,
    Encoding.ZSTD: _Zstd,
}


def coder(encoding: Encoding) -> Coder:
    """A new one."""
    return _CODERS[encoding]()
