"""Compresses what providers compress, whole or piece by piece."""

import zlib
from collections.abc import Callable, Iterable
from typing import Any

import brotli  # type: ignore[import-untyped]
from backports import zstd

CODINGS = (b"gzip", b"x-gzip", b"deflate", b"br", b"zstd")


def coded(encoding: bytes, *pieces: bytes) -> list[bytes]:
    """The pieces as they come one by one, each readable when it is there."""
    compress, flush, finish = _coder(encoding)
    sent = [compress(piece) + flush() for piece in pieces]
    return [*sent, finish()]


def whole(encoding: bytes, body: bytes) -> bytes:
    """All of it at once."""
    compress, _, finish = _coder(encoding)
    return compress(body) + finish()


def bare_deflate(body: bytes) -> bytes:
    """Deflate without zlib's frame around it."""
    made = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return made.compress(body) + made.flush()


def wide_zstd(parts: Iterable[bytes]) -> bytes:
    """With a window of 128 MiB."""
    options = {int(zstd.CompressionParameter.window_log): 27}
    made = zstd.ZstdCompressor(options=options)
    return b"".join(made.compress(part) for part in parts) + made.flush()


def _coder(
    encoding: bytes,
) -> tuple[Callable[[bytes], bytes], Callable[[], bytes], Callable[[], bytes]]:
    made: Any
    if encoding == b"br":
        made = brotli.Compressor(quality=4)
        return made.process, made.flush, made.finish
    if encoding == b"zstd":
        made = zstd.ZstdCompressor()
        return made.compress, lambda: made.flush(made.FLUSH_BLOCK), made.flush
    made = zlib.compressobj(wbits=15 if encoding == b"deflate" else 31)
    return made.compress, lambda: made.flush(zlib.Z_SYNC_FLUSH), made.flush
