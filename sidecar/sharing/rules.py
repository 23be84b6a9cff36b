"""Which calls may be answered by an identical one's, so that no caller could tell.

Tables: of paths whose answer depends on nothing but the request, and of what the body of a prompt may
hold for its answer to do so too. What stands in no table is not shared.

Only lists of models are shared among what is read with GET: of anything that changes, a caller who
has just changed it would get a picture from before.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

from sidecar.metering.documents import parsed
from sidecar.outcomes import Endpoint

Mode = Literal["off", "safe", "deterministic"]

_SAFE = (
    "/embeddings",  # OpenAI and all who copy it, Azure, Ollama
    "/embed",  # Cohere, Ollama
    ":embedContent",  # Gemini
    ":batchEmbedContents",
    "/moderations",  # OpenAI, Mistral
    "/classifications",  # Mistral
    "/classify",  # Cohere, vLLM
    "/rerank",  # Cohere, Together, vLLM, Bedrock
    "/responses/input_tokens",  # OpenAI
    "/messages/count_tokens",  # Anthropic
    ":countTokens",  # Gemini
    ":computeTokens",
    "/count-tokens",  # Bedrock
    "/tokenize",  # Cohere, vLLM
    "/detokenize",
)
"""Ends of paths whose POST makes nothing, changes nothing and draws no lots."""

_VERTEX_EMBEDDING = re.compile(r"embedding[\w.@-]*:predict\Z")
"""Vertex AI makes images at `:predict` too."""

_MODELS = re.compile(r"(?:/models(?:/[^:]*)?|/api/tags)\Z")
"""Lists of models and single ones: OpenAI, Anthropic, Gemini, Cohere, Mistral; Ollama. Names of
models may hold slashes."""

_OPERATIONS = "/operations"
"""What Gemini and Vertex AI still work at, asked for below the model: it changes while one looks."""

_PROMPTS = frozenset((Endpoint.CHAT, Endpoint.RESPONSES, Endpoint.MESSAGES, Endpoint.COMPLETIONS))


def shareable(mode: Mode, *, method: str, path: str, endpoint: Endpoint, body: object) -> bool:
    """Whether identical ones of this call may share an answer.

    `path` without query; `body` is None where there is none, and bytes where all of it is at hand.
    """
    if method == "POST":
        if mode == "off" or not isinstance(body, bytes):
            return False
        if path.endswith(_SAFE) or (path.endswith(":predict") and _VERTEX_EMBEDDING.search(path)):
            return True
        return mode == "deterministic" and endpoint in _PROMPTS and _deterministic(endpoint, body)
    return method == "GET" and mode != "off" and body is None and _reads_models(path)


def _reads_models(path: str) -> bool:
    return _MODELS.search(path) is not None and _OPERATIONS not in path


def _deterministic(endpoint: Endpoint, body: bytes) -> bool:
    """Whether all that a prompt says is known to have one answer and no effect."""
    if b'"temperature"' not in body:
        return False  # that is 1, nearly everywhere
    document = parsed(body)
    if not isinstance(document, dict) or not _fits(document, _ALLOWED):
        return False
    if endpoint is Endpoint.RESPONSES and "store" not in document:
        return False  # it stores by default
    groups = (document, *(document.get(name) for name in _GROUPS))
    return any(isinstance(group, dict) and "temperature" in group for group in groups)


Check = Callable[[Any], bool]


def _fits(document: object, allowed: Mapping[str, Check]) -> bool:
    """Every member is in the table, and its value passes."""
    if not isinstance(document, dict):
        return False
    return all(name in allowed and allowed[name](value) for name, value in document.items())


def _anything(_value: object) -> bool:
    return True


def _zero(value: object) -> bool:
    return value == 0 and value is not False


def _one(value: object) -> bool:
    return value is None or (value == 1 and value is not True)


def _no(value: object) -> bool:
    return value is None or value is False


def _only_text(value: object) -> bool:
    return value is None or (
        isinstance(value, list) and all(str(one).lower() == "text" for one in value)
    )


def _text(value: object) -> bool:
    """A prompt as such; an object would name one that is stored, and may change."""
    return value is None or isinstance(value, (str, list))


def _functions(value: object) -> bool:
    """Tools that the app itself runs: what a provider runs may have effects."""
    return value is None or (isinstance(value, list) and all(map(_is_function, value)))


def _is_function(tool: object) -> bool:
    if not isinstance(tool, dict):
        return False
    kind = tool.get("type")
    if kind is None:  # Anthropic; Gemini and Bedrock, where the member's name is the kind
        return "input_schema" in tool or tool.keys() in ({"functionDeclarations"}, {"toolSpec"})
    return kind in ("function", "custom")


_SAMPLING = {
    "frequency_penalty", "frequencyPenalty", "logit_bias", "logprobs", "max_completion_tokens",
    "max_output_tokens", "maxOutputTokens", "max_tokens", "maxTokens", "min_p", "mirostat",
    "num_ctx", "num_predict", "presence_penalty", "presencePenalty", "random_seed",
    "repeat_last_n", "repeat_penalty", "repetition_penalty", "responseLogprobs",
    "responseMimeType", "responseSchema", "responseJsonSchema", "seed", "stop", "stopSequences",
    "stop_sequences", "thinkingConfig", "top_k", "topK", "top_logprobs", "top_p", "topP",
    "typical_p",
}  # fmt: skip
"""What shapes the text, and is the same in equal bodies."""

_GENERATION: dict[str, Check] = {
    **dict.fromkeys(_SAMPLING, _anything),
    "temperature": _zero,
    "candidateCount": _one,
    "responseModalities": _only_text,
}

_GROUPS = ("generationConfig", "inferenceConfig", "options")
"""Where Gemini, Bedrock and Ollama keep these."""

_PLAIN = {
    "anthropic_version", "contents", "echo", "format", "function_call", "functions", "include",
    "input", "instructions", "keep_alive", "labels", "max_tool_calls", "messages", "metadata",
    "model", "parallel_tool_calls", "prompt_cache_key", "prompt_cache_retention", "prompt_mode",
    "raw", "reasoning", "reasoning_effort", "reasoning_format", "response_format",
    "safe_prompt", "safetySettings", "safety_identifier", "service_tier", "stream",
    "stream_options", "strict_tools", "suffix", "system", "systemInstruction", "template",
    "text", "think", "thinking", "tool_choice", "truncation", "user", "verbosity",
}  # fmt: skip
"""What a prompt consists of, and how its answer is to be written down."""

_TOOL_CONFIG: dict[str, Check] = {
    "functionCallingConfig": _anything,  # Gemini
    "tools": _functions,  # Bedrock
    "toolChoice": _anything,
}

_ALLOWED: dict[str, Check] = {
    **_GENERATION,
    **dict.fromkeys(_PLAIN, _anything),
    **dict.fromkeys(_GROUPS, lambda group: _fits(group, _GENERATION)),
    "n": _one,
    "best_of": _one,
    "num_generations": _one,
    "background": _no,
    "store": _no,
    "previous_response_id": lambda value: value is None,
    "conversation": lambda value: value is None,
    "modalities": _only_text,
    "prompt": _text,
    "tools": _functions,
    "toolConfig": lambda config: _fits(config, _TOOL_CONFIG),
}
"""Members of a prompt's document. Not among them, therefore: searches, MCP servers, containers,
connectors, plug-ins, audio, predictions, and whatever will be invented."""
