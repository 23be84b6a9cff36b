"""Answers' words and embeddings' numbers: made up, but always the same for the same prompt.

Tokens are counted simply and consistently: an input token is four bytes of prompt text (rounded
up, at least one per prompt), an output token is one word of the answer.
"""

import base64
import random
import zlib
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from itertools import cycle, islice

_VOCABULARY = (
    b"the a of to and in that is was for it with as his on be at by had not are but from or have "
    b"an they which one you were her all she there would their we him been has when who will more "
    b"no if out so said what up its about into than them can only other new some could time these "
    b"two may then do first any my now such like our over man me even most made after also did "
    b"many before must through back years where much your way well down should because each just "
    b"those people how too little state good very make world still own see men work long get here"
).split()
_RING_WORDS = 8192
"""Answers are windows on a ring of that many words; longer answers go round."""
_NUMBERS = 1 << 16
"""Signs of embedding components to choose windows from."""
_BYTES_PER_TOKEN = 4
_WORD_DICE = random.Random(0x77)
_RING = tuple(b" " + word for word in _WORD_DICE.choices(_VOCABULARY, k=_RING_WORDS))
_SIGNS = tuple(_WORD_DICE.choices((-1.0, 1.0), k=_NUMBERS))


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is left of a prompt once it was read."""

    seed: int
    """Equal for equal prompts: decides what the answer says."""
    tokens: int
    """LLM tokens; at least 1."""


def prompt(*parts: object) -> Prompt:
    """Sum up a prompt from anything JSON: strings, content parts, messages, lists of these."""
    text = "\n".join(_texts(list(parts))).encode("utf-8", "surrogatepass")
    return Prompt(zlib.crc32(text), max(1, -(-len(text) // _BYTES_PER_TOKEN)))


def token_prompt(tokens: Sequence[int]) -> Prompt:
    """A prompt that came as token numbers."""
    return Prompt(zlib.crc32(repr(tokens).encode()), max(1, len(tokens)))


def _texts(stack: list[object]) -> Iterator[str]:
    # Iterative: a client may nest as deep as the JSON parser lets it.
    stack.reverse()
    while stack:
        value = stack.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            stack.extend(reversed(value))
        elif isinstance(value, dict):
            stack.extend(reversed(list(value.values())))


def words(seed: int, count: int) -> Sequence[bytes]:
    """The first `count` words that answer the prompt with this seed; safe inside JSON strings.

    Joined they are the text; each is one output token.
    """
    if count <= 0:
        return ()
    start = (seed * 2_654_435_761) % _RING_WORDS  # Knuth's multiplier: near seeds differ
    chosen = list(_RING[start : start + count])
    if len(chosen) < count:
        chosen.extend(islice(cycle(_RING), count - len(chosen)))
    chosen[0] = chosen[0].lstrip()
    return chosen


def vector(seed_text: bytes, dimensions: int) -> bytes:
    """An embedding of unit length as little-endian 32-bit floats; equal for equal input."""
    digest = blake2b(seed_text, digest_size=4).digest()
    low, high = int.from_bytes(digest[:2], "little"), int.from_bytes(digest[2:], "little")
    ring = _component_ring(dimensions)
    half = dimensions // 2
    return ring[4 * low : 4 * (low + half)] + ring[4 * high : 4 * (high + dimensions - half)]


def vector_base64(seed_text: bytes, dimensions: int) -> str:
    """The same, as `encoding_format: base64` wants it."""
    return base64.b64encode(vector(seed_text, dimensions)).decode()


def vector_floats(seed_text: bytes, dimensions: int) -> list[float]:
    """The same as numbers."""
    return array("f", vector(seed_text, dimensions)).tolist()


@lru_cache(maxsize=4)
def _component_ring(dimensions: int) -> bytes:
    size = dimensions**-0.5
    signs = (*_SIGNS, *_SIGNS[:dimensions])
    return array("f", [sign * size for sign in signs]).tobytes()
