"""The request that a sweep sends again and again."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from multidict import CIMultiDict
from yarl import URL

NUMBER = b"{{n}}"
"""Stands in a body where each request's own number is put in."""

DEFAULT_PROMPT = "Say in a few sentences what makes a good night's sleep."

_ANTHROPIC_VERSION = "2023-06-01"

ENDPOINTS: Mapping[str, str] = {
    "chat": "chat/completions",
    "completions": "completions",
    "responses": "responses",
    "embeddings": "embeddings",
    "messages": "messages",
    "exact": "",
}
"""Path of each, below the API's base URL; `exact` is the whole URL already."""

OUTPUT_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
"""Members of a body that bound the answer, in LLM tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What to send, and where."""

    url: URL
    headers: Mapping[str, str]
    """Credentials among them: never to be shown."""
    body: bytes
    """JSON; `{{n}}` in it is replaced."""
    streamed: bool
    """Whether the answer is asked for as a stream."""
    output_limit: int | None
    """LLM tokens of an answer at most, as far as the body says so."""

    def __repr__(self) -> str:
        return f"<Call of {self.shown_url}>"

    @property
    def shown_url(self) -> str:
        """Without what may be a secret."""
        return str(self.url.with_user(None).with_query(None).with_fragment(None))

    def numbered(self, number: str) -> bytes:
        """The body of one request; with a number of its own, no cache can answer it."""
        return self.body.replace(NUMBER, number.encode())


def endpoint_url(base: URL, endpoint: str) -> URL:
    """Where an SDK with this base URL would send the request; a whole URL stays as it is."""
    path = ENDPOINTS[endpoint]
    before = base.path.rstrip("/")
    if not path or before.endswith(f"/{path}"):
        return base
    # OpenAI's SDK wants the version in the base URL, Anthropic's adds it by itself.
    versioned = before.endswith("/v1") if endpoint == "messages" else bool(before)
    whole = f"{before}/{path}" if versioned else f"{before}/v1/{path}"
    return base.with_path(whole, keep_query=True)


def own_body(
    endpoint: str, *, model: str, prompt: str, max_tokens: int, stream: bool
) -> dict[str, Any]:
    """A body for an endpoint that has one; each request's number comes first in the prompt."""
    text = f"Request {NUMBER.decode()}. {prompt}"
    messages = [{"role": "user", "content": text}]
    bodies: dict[str, dict[str, Any]] = {
        "chat": {"messages": messages, "max_tokens": max_tokens},
        "completions": {"prompt": text, "max_tokens": max_tokens},
        "responses": {"input": text, "max_output_tokens": max_tokens},
        "embeddings": {"input": text},
        "messages": {"messages": messages, "max_tokens": max_tokens},
    }
    return {"model": model} | bodies[endpoint] | ({"stream": True} if stream else {})


def output_limit(body: Mapping[str, Any]) -> int | None:
    """LLM tokens of an answer at most; None where the body does not say so."""
    given = [limit for name in OUTPUT_LIMITS if type(limit := body.get(name)) is int]
    return max(given, default=None)


def headers_for(endpoint: str, key: str | None, own: Mapping[str, str]) -> Mapping[str, str]:
    """Content type, credentials and the user's own, which replace ours of the same name."""
    headers = CIMultiDict({"Content-Type": "application/json", "User-Agent": "llm-sidecar-sweep"})
    if endpoint == "messages":
        headers["anthropic-version"] = _ANTHROPIC_VERSION
    if key and endpoint == "messages":
        headers["x-api-key"] = key
    elif key:
        headers["Authorization"] = f"Bearer {key}"
    headers.update(own)
    return headers


def encoded(body: Mapping[str, Any]) -> bytes:
    """As JSON."""
    return orjson.dumps(body)
