"""What goes over the wire: the requests, the answers, and how a request tells the provider what to do.

The mock provider obeys a request's `x-bench` field, so that one provider serves every measure:

    x-bench: answer MILLISECONDS            a JSON answer of about 1 kB after so long
    x-bench: stream EVENTS MILLISECONDS     an event stream with so long between two events
    x-bench: take MILLISECONDS              reads a body of any size, pausing so long at its start
    x-bench: send BYTES                     a body of so many bytes
"""

import json
import zlib

MODEL = "bench-model"
CHAT_PATH = b"/v1/chat/completions"

_SDK_FIELDS = (
    b"Accept: application/json",
    b"Accept-Encoding: gzip, deflate",
    b"Connection: keep-alive",
    b"User-Agent: OpenAI/Python 1.54.0",
    b"X-Stainless-Lang: python",
    b"X-Stainless-Package-Version: 1.54.0",
    b"X-Stainless-OS: Linux",
    b"X-Stainless-Arch: x64",
    b"X-Stainless-Runtime: CPython",
    b"X-Stainless-Runtime-Version: 3.11.7",
    b"Authorization: Bearer sk-0000000000000000000000000000000000000000",
    b"X-Stainless-Async: false",
    b"X-Stainless-Retry-Count: 0",
    b"X-Stainless-Read-Timeout: 600",
)
"""What OpenAI's Python SDK sends beside Host and the body's own fields."""

_PROVIDER_FIELDS = (
    b"Date: Mon, 01 Jan 2024 00:00:00 GMT",
    b"Connection: keep-alive",
    b"access-control-expose-headers: X-Request-ID",
    b"openai-organization: user-00000000000000000000000",
    b"openai-processing-ms: 412",
    b"openai-version: 2020-10-01",
    b"x-ratelimit-limit-requests: 10000",
    b"x-ratelimit-limit-tokens: 30000000",
    b"x-ratelimit-remaining-requests: 9999",
    b"x-ratelimit-remaining-tokens: 29999000",
    b"x-ratelimit-reset-requests: 6ms",
    b"x-ratelimit-reset-tokens: 2ms",
    b"x-request-id: req_00000000000000000000000000000000",
)
"""What OpenAI's API answers with beside the body's own fields."""


def request(script: str, body: bytes, *, length: int | None = None) -> bytes:
    """A request as an SDK sends it; `length` is that of the whole body where `body` is its start."""
    lines = (
        b"POST " + CHAT_PATH + b" HTTP/1.1",
        b"Host: 127.0.0.1",
        *_SDK_FIELDS,
        b"x-bench: " + script.encode(),
        b"Content-Type: application/json",
        b"Content-Length: %d" % (len(body) if length is None else length),
        b"",
        body,
    )
    return b"\r\n".join(lines)


def answer_head(kind: bytes, length: int | None) -> bytes:
    """The head of a 200; chunked where `length` is None."""
    framing = b"Transfer-Encoding: chunked" if length is None else b"Content-Length: %d" % length
    lines = (b"HTTP/1.1 200 OK", *_PROVIDER_FIELDS, b"Content-Type: " + kind, framing, b"", b"")
    return b"\r\n".join(lines)


def _chat(prompt: str, **more: object) -> bytes:
    document = {"model": MODEL, "messages": [{"role": "user", "content": prompt}], **more}
    return json.dumps(document).encode()


CHAT = _chat("word " * 190, temperature=0.7, max_tokens=256)
"""A request body of about 1 kB."""

STREAMED_CHAT = _chat("word " * 190, temperature=0.7, stream=True)

ANSWER = json.dumps(
    {
        "id": "chatcmpl-000000000000000000000000000000",
        "object": "chat.completion",
        "created": 1704067200,
        "model": MODEL,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "word " * 140},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 200, "completion_tokens": 140, "total_tokens": 340},
    }
).encode()
"""An answer of about 1 kB."""

EVENT = (
    b'data: {"id":"chatcmpl-00000000000000000000000000000","object":"chat.completion.chunk",'
    b'"model":"bench-model","choices":[{"index":0,"delta":{"content":" word"}}],"at":%020d}\n\n'
)
"""An event of about 190 bytes with room for the monotonic clock's nanoseconds."""

STAMP = b'"at":'
STAMP_DIGITS = 20

STREAM_END = b"data: [DONE] %08x\n\n"
"""The last event: the CRC-32 of all bytes before it."""

STREAM_END_BYTES = len(STREAM_END % 0)

BLOCK = (
    bytes((i * 131 + i // 251) % 94 + 33 for i in range(65536))
    .replace(b"\\", b"/")
    .replace(b'"', b"'")
)
"""64 KiB of printable bytes: large bodies are made of it."""

UPLOAD_START = b'{"model":"bench-model","messages":[{"role":"user","content":"'
UPLOAD_END = b'"}]}'


def upload_pieces(size: int) -> list[bytes]:
    """A JSON body of about `size` bytes, whole blocks between its start and its end."""
    return [UPLOAD_START, *([BLOCK] * (size // len(BLOCK))), UPLOAD_END]


def checksum(pieces: list[bytes]) -> int:
    """CRC-32 of the pieces joined."""
    crc = 0
    for piece in pieces:
        crc = zlib.crc32(piece, crc)
    return crc
