"""OpenAI's embeddings."""

from typing import Any

import orjson

from sidecar.simulator.protocol.ask import Answer, Ask, Body, Embeddings, count, model_of, required
from sidecar.simulator.protocol.refusal import RefusedError, Trouble
from sidecar.simulator.protocol.text import (
    Prompt,
    prompt,
    token_prompt,
    vector_base64,
    vector_floats,
)

_MAX_INPUTS = 2048  # OpenAI's own
_DIMENSIONS = 1536
_LARGE_DIMENSIONS = 3072
_MAX_DIMENSIONS = 8192


def read_embeddings(body: Body, path_model: str | None) -> Ask:
    """An embeddings request: a string, strings, token numbers, or lists of token numbers."""
    model = model_of(body, path_model)
    inputs = _inputs(required(body, "input", (str, list)))
    prompts = [_prompt(item) for item in inputs]
    return Ask(
        model=model,
        prompt=Prompt(prompts[0].seed, sum(part.tokens for part in prompts)),
        max_tokens=0,
        embeddings=Embeddings(
            inputs=[orjson.dumps(item) for item in inputs],
            dimensions=_dimensions(body, model),
            base64=_base64(body),
        ),
    )


def _inputs(value: str | list[object]) -> list[object]:
    if isinstance(value, str) or all(type(item) is int for item in value):
        return [value]  # one text, or one text as token numbers
    if len(value) > _MAX_INPUTS:
        raise _wrong(f"'input' has {len(value)} items; at most {_MAX_INPUTS} are allowed.")
    return value


def _prompt(item: object) -> Prompt:
    if isinstance(item, str) and item:
        return prompt(item)
    if isinstance(item, list) and item and all(type(token) is int for token in item):
        return token_prompt(item)
    raise _wrong("'$.input' is invalid. Please check the API reference.")


def _dimensions(body: Body, model: str) -> int:
    asked = count(body, "dimensions")
    if asked is None:
        return _LARGE_DIMENSIONS if "large" in model else _DIMENSIONS
    if asked > _MAX_DIMENSIONS:
        raise _wrong(f"'dimensions' must be at most {_MAX_DIMENSIONS}.")
    return asked


def _base64(body: Body) -> bool:
    encoding = body.get("encoding_format") or "float"
    if encoding not in ("float", "base64"):
        raise _wrong("'encoding_format' must be 'float' or 'base64'.")
    return bool(encoding == "base64")


def _wrong(message: str) -> RefusedError:
    return RefusedError(Trouble.BAD_REQUEST, message, param="input")


def whole_embeddings(ask: Ask, _answer: Answer) -> bytes:
    """The vectors, in the order of the inputs."""
    return orjson.dumps(embedded(ask))


def embedded(ask: Ask) -> dict[str, Any]:
    """The same as a document."""
    wanted = ask.vectors
    make = vector_base64 if wanted.base64 else vector_floats
    data = [
        {"object": "embedding", "index": index, "embedding": make(seed, wanted.dimensions)}
        for index, seed in enumerate(wanted.inputs)
    ]
    usage = {"prompt_tokens": ask.prompt.tokens, "total_tokens": ask.prompt.tokens}
    return {"object": "list", "data": data, "model": ask.model, "usage": usage}
