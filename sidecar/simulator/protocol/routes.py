"""Which path speaks which protocol.

`/<provider>/…` is that provider's API, with paths as below its own host; without a prefix a path
is looked for in all APIs, OpenAI's and Anthropic's first.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from sidecar.simulator.protocol import (
    anthropic,
    bedrock,
    cohere,
    compatible,
    gemini,
    groq,
    local,
    mistral,
    moderations,
    openai,
    responses,
    style,
)
from sidecar.simulator.protocol.embeddings import read_embeddings, whole_embeddings
from sidecar.simulator.protocol.style import Style
from sidecar.simulator.protocol.surface import Paths, Surface, spoken


@dataclass(frozen=True, slots=True)
class Target:
    """Where a path leads."""

    style: Style
    """Who answers, whatever the answer is."""
    path: str
    """Below the provider's host, decoded."""
    surface: Surface | None = None
    """None where nothing is."""
    model: str | None = None
    """The model that the path names."""


class _Table:
    """One provider's endpoints."""

    def __init__(self, speaker: Style, paths: Paths) -> None:
        self.style = speaker
        self._fixed = {path: surface for path, surface in paths.items() if "{" not in path}
        self._patterns = [
            (_pattern(path), surface) for path, surface in paths.items() if "{" in path
        ]

    def find(self, path: str) -> Target | None:
        """Where this raw path leads."""
        surface = self._fixed.get(path)
        if surface is not None:
            return Target(surface.style, path, surface)
        for pattern, found in self._patterns:
            match = pattern.fullmatch(path)
            if match:
                return Target(found.style, unquote(path), found, unquote(match["model"]))
        return None


def _pattern(path: str) -> re.Pattern[str]:
    # Names of models may have slashes (ARNs), which not every SDK encodes.
    text = re.escape(path).replace(r"\{any\}", "[^/]+").replace(r"\{model\}", "(?P<model>.+)")
    return re.compile(text)


_CHAT = Surface(style.OPENAI, openai.read_chat, openai.whole_chat, openai.stream_chat)
_COMPLETIONS = Surface(
    style.OPENAI, openai.read_completion, openai.whole_completion, openai.stream_completion
)
_RESPONSES = Surface(
    style.OPENAI, responses.read_response, responses.whole_response, responses.stream_response
)
_EMBEDDINGS = Surface(style.OPENAI, read_embeddings, whole_embeddings)
_OPENAI: Paths = {
    "/v1/chat/completions": _CHAT,
    "/v1/completions": _COMPLETIONS,
    "/v1/responses": _RESPONSES,
    "/v1/embeddings": _EMBEDDINGS,
    "/v1/moderations": Surface(
        style.OPENAI, moderations.read_moderation, moderations.whole_moderation
    ),
}
_ANTHROPIC: Paths = {
    "/v1/messages": Surface(
        style.ANTHROPIC, anthropic.read_message, anthropic.whole_message, anthropic.stream_message
    ),
    "/v1/messages/count_tokens": Surface(
        style.ANTHROPIC, anthropic.read_count, anthropic.whole_count, counted=False
    ),
}
_DEPLOYMENTS = "/openai/deployments/"
_AZURE: Paths = spoken(
    {
        f"{_DEPLOYMENTS}{{model}}{path.removeprefix('/v1')}": surface
        for path, surface in _OPENAI.items()
    },
    style.AZURE,
)
_AZURE_V1: Paths = spoken(
    {f"/openai{path}": surface for path, surface in _OPENAI.items()}, style.AZURE
)

_TABLES: Mapping[str, _Table] = {
    "openai": _Table(style.OPENAI, _OPENAI),
    "anthropic": _Table(style.ANTHROPIC, _ANTHROPIC),
    "azure": _Table(style.AZURE, {**_AZURE, **_AZURE_V1}),
    "gemini": _Table(gemini.GEMINI, gemini.GEMINI_PATHS),
    "vertex": _Table(gemini.GEMINI, gemini.VERTEX_PATHS),
    "bedrock": _Table(bedrock.BEDROCK, bedrock.PATHS),
    "mistral": _Table(mistral.MISTRAL, mistral.PATHS),
    "groq": _Table(groq.GROQ, groq.PATHS),
    "cohere": _Table(cohere.COHERE, cohere.PATHS),
    "deepseek": _Table(compatible.DEEPSEEK, compatible.DEEPSEEK_PATHS),
    "together": _Table(compatible.TOGETHER, compatible.TOGETHER_PATHS),
    "fireworks": _Table(compatible.FIREWORKS, compatible.FIREWORKS_PATHS),
    "openrouter": _Table(compatible.OPENROUTER, compatible.OPENROUTER_PATHS),
    "vllm": _Table(compatible.VLLM, compatible.VLLM_PATHS),
    "ollama": _Table(local.OLLAMA, local.OLLAMA_PATHS),
    "tgi": _Table(local.TGI, local.TGI_PATHS),
}
PROVIDERS = tuple(_TABLES)
"""The prefixes."""
_ANYWHERE = _Table(
    style.OPENAI,
    {
        **_OPENAI,
        **_ANTHROPIC,
        **_AZURE,
        **gemini.GEMINI_PATHS,
        **gemini.VERTEX_PATHS,
        **bedrock.PATHS,
        **cohere.PATHS,
        **local.OLLAMA_PATHS,
        **local.TGI_PATHS,
    },
)


def find(path: str, headers: Mapping[str, str] | None = None) -> Target:
    """Where this raw path leads; without a surface where nothing is."""
    found = _ANYWHERE.find(path)
    if found is not None:
        return found
    name, _, rest = path[1:].partition("/")
    table = _TABLES.get(name)
    if table is None or not rest:
        return Target(_style_of(path, headers or {}), unquote(path))
    return table.find(f"/{rest}") or Target(table.style, unquote(f"/{rest}"))


def _style_of(path: str, headers: Mapping[str, str]) -> Style:
    """Who answers on a path that leads to no surface."""
    if path.startswith("/v1/messages") or "anthropic-version" in headers:
        return style.ANTHROPIC
    return style.OPENAI
