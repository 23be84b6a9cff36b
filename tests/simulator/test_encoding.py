"""Compressed answers say the same, and every part of them can be read when it comes."""

import sys
import zlib
from collections.abc import Callable
from importlib import import_module

import orjson
import pytest
from aiohttp import ClientPayloadError

from sidecar.simulator.encoding import Encoding, Plain, coder
from tests.simulator.providing import HELLO, MODEL, Running

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PARTS = [b"data: one\n\n" * 30, b"data: two\n\n", b"data: three\n\n"]
DECODERS: dict[Encoding, Callable[[], Callable[[bytes], bytes]]] = {
    Encoding.GZIP: lambda: zlib.decompressobj(wbits=31).decompress,
    Encoding.DEFLATE: lambda: zlib.decompressobj().decompress,
    Encoding.BR: lambda: import_module("brotli").Decompressor().process,
    Encoding.ZSTD: lambda: zstd.ZstdDecompressor().decompress,
}


@pytest.mark.parametrize("encoding", Encoding)
def test_nothing_waits_for_what_comes_after_it(encoding: Encoding) -> None:
    made, decode = coder(encoding), DECODERS[encoding]()

    assert [decode(made.part(part)) for part in PARTS] == PARTS
    assert decode(made.last(b"end")) == b"end"


@pytest.mark.parametrize("encoding", Encoding)
def test_a_whole_answer_is_smaller(encoding: Encoding) -> None:
    packed = coder(encoding).last(PARTS[0])

    assert DECODERS[encoding]()(packed) == PARTS[0]
    assert len(packed) < len(PARTS[0])


def test_plain_answers_stay_as_they_are() -> None:
    plain = Plain()

    assert (plain.part(b"a"), plain.last(b"b")) == (b"a", b"b")


@pytest.mark.parametrize("encoding", Encoding)
@pytest.mark.parametrize("stream", [False, True])
async def test_answers_come_compressed_where_that_is_asked_for(
    quick: Running, encoding: Encoding, stream: bool
) -> None:
    body = {"model": MODEL, "messages": HELLO, "stream": stream}
    headers = {"x-simulate": f"encoding={encoding.value}", "accept-encoding": "x"}
    async with quick.http.post(f"{quick.url}/v1/chat/completions", json=body, headers=headers) as r:
        assert r.headers["content-encoding"] == encoding.value
        text = await r.read()  # aiohttp decodes it

    assert text.endswith(b"data: [DONE]\n\n") if stream else orjson.loads(text)["choices"]


@pytest.mark.parametrize("encoding", Encoding)
async def test_errors_come_compressed_as_well(quick: Running, encoding: Encoding) -> None:
    status, headers, body = await quick.chat(x_simulate=f"429; encoding={encoding.value}")

    assert (status, headers["content-encoding"]) == (429, encoding.value)
    assert orjson.loads(body)["error"]


async def test_who_accepts_nothing_but_plain_bytes_gets_them(quick: Running) -> None:
    _, headers, body = await quick.chat(x_simulate="encoding=gzip", accept_encoding="identity")

    assert "content-encoding" not in headers
    assert orjson.loads(body)["choices"]


async def test_half_of_a_compressed_answer(quick: Running) -> None:
    for encoding in Encoding:
        with pytest.raises(ClientPayloadError):
            await quick.chat(x_simulate=f"truncate; tokens=100; encoding={encoding.value}")
