"""OpenAI's embeddings, and what every provider's have in common."""

from collections.abc import Sequence
from typing import Any

import orjson

from sidecar.simulator.protocol.ask import Answer, Ask, Body, Embeddings, count, model_of, required
from sidecar.simulator.protocol.flaws import BAD_INPUT, flawed_items, triggered
from sidecar.simulator.protocol.refusal import RefusedError, Trouble
from sidecar.simulator.protocol.text import (
    Prompt,
    prompt,
    token_prompt,
    vector_base64,
    vector_floats,
)

_MAX_INPUTS = 2048  # OpenAI's own
_MAX_TOKENS = 300_000  # of all inputs together; OpenAI's own
_BAD = BAD_INPUT.encode()
_DIMENSIONS = 1536
_LARGE_DIMENSIONS = 3072
_MAX_DIMENSIONS = 8192


def read_embeddings(body: Body, path_model: str | None) -> Ask:
    """An embeddings request: a string, strings, token numbers, or lists of token numbers."""
    model = model_of(body, path_model)
    inputs = _inputs(required(body, "input", (str, list)))
    ask = embeddings_ask(
        model,
        [(_prompt(item), orjson.dumps(item)) for item in inputs],
        dimensions=_dimensions(body, model),
        base64=_base64(body),
    )
    if ask.prompt.tokens > _MAX_TOKENS:
        raise _wrong(f"Requested {ask.prompt.tokens} tokens, max {_MAX_TOKENS} tokens per request.")
    return ask


def embeddings_ask(
    model: str,
    inputs: Sequence[tuple[Prompt, bytes]],
    *,
    dimensions: int,
    base64: bool = False,
    kinds: Sequence[str] = (),
) -> Ask:
    """An embeddings request for these inputs, each with the bytes its vector is computed from.

    RefusedError where one of them is to be a bad one.
    """
    texts = [text for _, text in inputs]
    if any(_BAD in text for text in texts):
        raise _wrong("'$.input' is invalid. Please check the API reference.")
    return Ask(
        model=model,
        prompt=Prompt(inputs[0][0].seed, sum(part.tokens for part, _ in inputs)),
        max_tokens=0,
        embeddings=Embeddings(
            inputs=texts,
            dimensions=dimensions,
            base64=base64,
            kinds=kinds,
            flaw=triggered(texts),
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


def whole_embeddings(ask: Ask, answer: Answer) -> bytes:
    """The vectors, in the order of the inputs."""
    return orjson.dumps(embedded(ask, answer))


def embedded(ask: Ask, answer: Answer) -> dict[str, Any]:
    """The same as a document."""
    wanted = ask.vectors
    make = vector_base64 if wanted.base64 else vector_floats
    vectors = [make(seed, wanted.dimensions) for seed in wanted.inputs]
    data = flawed_items(answer.vectors_flaw, vectors)
    usage = {"prompt_tokens": ask.prompt.tokens, "total_tokens": ask.prompt.tokens}
    return {"object": "list", "data": data, "model": ask.model, **answer.tells("usage", usage)}
