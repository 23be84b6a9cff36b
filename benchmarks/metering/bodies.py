"""Answers as providers send them: whole ones of typical kinds, and the chunks of a stream."""

import base64
import json
import random
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sidecar.outcomes import Endpoint

_TEXT = "The limit grows while answers come in time, and shrinks when they do not; that is all. "
_DICE = random.Random(7)


@dataclass(frozen=True, slots=True)
class Body:
    """One whole answer."""

    name: str
    dialect: str
    endpoint: Endpoint
    data: bytes = field(repr=False)


def _body(name: str, dialect: str, endpoint: Endpoint, document: Any) -> Body:
    return Body(name, dialect, endpoint, json.dumps(document, separators=(",", ":")).encode())


def _words(size: int) -> str:
    return (_TEXT * (size // len(_TEXT) + 1))[:size]


def _chat(size: int) -> dict[str, Any]:
    message: dict[str, Any] = {
        "role": "assistant",
        "content": _words(size),
        "refusal": None,
        "annotations": [],
    }
    details = {"reasoning_tokens": 3, "audio_tokens": 0, "accepted_prediction_tokens": 0}
    return {
        "id": "chatcmpl-000000000000000000000000000000",
        "object": "chat.completion",
        "created": 1704067200,
        "model": "gpt",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": 19,
            "completion_tokens": 10,
            "total_tokens": 29,
            "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 0},
            "completion_tokens_details": details,
        },
        "service_tier": "default",
    }


_MESSAGE = {
    "id": "msg_000000000000000000000000",
    "type": "message",
    "role": "assistant",
    "model": "claude",
    "content": [{"type": "text", "text": _words(1000)}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {
        "input_tokens": 10,
        "cache_creation_input_tokens": 5,
        "cache_read_input_tokens": 400,
        "cache_creation": {"ephemeral_5m_input_tokens": 5, "ephemeral_1h_input_tokens": 0},
        "output_tokens": 230,
        "service_tier": "standard",
    },
}
_GEMINI = {
    "candidates": [
        {
            "content": {"parts": [{"text": _words(1000)}], "role": "model"},
            "finishReason": "STOP",
            "avgLogprobs": -0.1,
        }
    ],
    "usageMetadata": {
        "promptTokenCount": 5,
        "candidatesTokenCount": 200,
        "thoughtsTokenCount": 90,
        "totalTokenCount": 295,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 5}],
    },
    "modelVersion": "gemini",
    "responseId": "000000000000",
}


def _embeddings(vector: object) -> dict[str, Any]:
    data = [{"object": "embedding", "index": 0, "embedding": vector}]
    usage = {"prompt_tokens": 8, "total_tokens": 8}
    return {"object": "list", "data": data, "model": "embed", "usage": usage}


BODIES = (
    _body("chat", "openai", Endpoint.CHAT, _chat(50)),
    _body("chat", "openai", Endpoint.CHAT, _chat(1500)),
    _body("message", "anthropic", Endpoint.MESSAGES, _MESSAGE),
    _body("generateContent", "gemini", Endpoint.CHAT, _GEMINI),
    _body(
        "embedding, base64",
        "openai",
        Endpoint.EMBEDDINGS,
        _embeddings(base64.b64encode(_DICE.randbytes(6144)).decode()),
    ),
    _body(
        "embeddings, numbers",
        "openai",
        Endpoint.EMBEDDINGS,
        _embeddings([_DICE.uniform(-0.1, 0.1) for _ in range(2800)]),
    ),
)


def events(count: int) -> list[bytes]:
    """A chat's stream as OpenAI sends it, one event per token, the usage at its end."""
    same: dict[str, Any] = {
        "id": "chatcmpl-000000000000000000000000000000",
        "object": "chat.completion.chunk",
        "created": 1704067200,
        "model": "gpt",
        "service_tier": "default",
        "system_fingerprint": "fp_0000000000",
    }
    words = [{"index": 0, "delta": {"content": f" {word}"}, "logprobs": None} for word in
             _words(count * 6).split()[:count]]  # fmt: skip
    documents = [{**same, "choices": [word], "usage": None} for word in words]
    usage = {"prompt_tokens": 19, "completion_tokens": count, "total_tokens": 19 + count}
    documents.append({**same, "choices": [], "usage": usage})
    made = [
        b"data: %b\n\n" % json.dumps(each, separators=(",", ":")).encode() for each in documents
    ]
    return [*made, b"data: [DONE]\n\n"]


def gzipped(pieces: Sequence[bytes]) -> list[bytes]:
    """The same, each readable when it is there."""
    made = zlib.compressobj(wbits=31)
    sent = [made.compress(piece) + made.flush(zlib.Z_SYNC_FLUSH) for piece in pieces]
    return [*sent, made.flush()]
