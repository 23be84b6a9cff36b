"""Which path speaks which protocol."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from sidecar.simulator.protocol import anthropic, openai, responses, style
from sidecar.simulator.protocol.ask import Answer, Ask, Body, Script
from sidecar.simulator.protocol.embeddings import read_embeddings, whole_embeddings
from sidecar.simulator.protocol.style import Style


@dataclass(frozen=True, slots=True)
class Surface:
    """One endpoint of one provider."""

    style: Style
    read: Callable[[Body, str | None], Ask]
    """The request, given the model that the path names (if it does)."""
    whole: Callable[[Ask, Answer], bytes]
    """The answer's body."""
    stream: Callable[[Ask, Answer], Script] | None = None
    counted: bool = True
    """Takes capacity."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a path leads."""

    surface: Surface
    model: str | None = None
    """The model that the path names (Azure's deployments)."""


_CHAT = Surface(style.OPENAI, openai.read_chat, openai.whole_chat, openai.stream_chat)
_COMPLETIONS = Surface(
    style.OPENAI, openai.read_completion, openai.whole_completion, openai.stream_completion
)
_RESPONSES = Surface(
    style.OPENAI, responses.read_response, responses.whole_response, responses.stream_response
)
_EMBEDDINGS = Surface(style.OPENAI, read_embeddings, whole_embeddings)
_MESSAGES = Surface(
    style.ANTHROPIC, anthropic.read_message, anthropic.whole_message, anthropic.stream_message
)
_COUNT = Surface(style.ANTHROPIC, anthropic.read_count, anthropic.whole_count, counted=False)

_PATHS: Mapping[str, Surface] = {
    "/v1/chat/completions": _CHAT,
    "/v1/completions": _COMPLETIONS,
    "/v1/responses": _RESPONSES,
    "/v1/embeddings": _EMBEDDINGS,
    "/v1/messages": _MESSAGES,
    "/v1/messages/count_tokens": _COUNT,
}
_PREFIXES = ("/openai", "/anthropic")
"""So that a provider's own prefix in a base URL does no harm."""
_DEPLOYMENTS = "/openai/deployments/"


def strip_prefix(path: str) -> str:
    """The path without a provider's prefix."""
    for prefix in _PREFIXES:
        if path.startswith(f"{prefix}/v1/"):
            return path.removeprefix(prefix)
    return path


def find(path: str) -> Target | None:
    """Where this path leads; None where nothing is."""
    surface = _PATHS.get(path)
    if surface is not None:
        return Target(surface)
    if path.startswith(_DEPLOYMENTS):
        return _deployment(path.removeprefix(_DEPLOYMENTS))
    return None


def _deployment(rest: str) -> Target | None:
    model, _, call = rest.partition("/")
    surface = _PATHS.get(f"/v1/{call}")
    if surface is None or surface.style is not style.OPENAI:
        return None
    return Target(replace(surface, style=style.AZURE), model)


def style_of(path: str, headers: Mapping[str, str]) -> Style:
    """Who answers on a path that leads to no surface."""
    if path.startswith("/v1/messages") or "anthropic-version" in headers:
        return style.ANTHROPIC
    return style.OPENAI
