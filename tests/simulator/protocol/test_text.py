"""Made-up answers and vectors are the same for the same prompt."""

import base64
import math
from array import array

from sidecar.simulator.protocol.text import (
    prompt,
    token_prompt,
    vector_base64,
    vector_floats,
    words,
)


def test_equal_prompts_have_equal_seeds_and_other_prompts_others() -> None:
    messages = [{"role": "user", "content": "Hello there"}]

    assert prompt(messages) == prompt([{"role": "user", "content": "Hello there"}])
    assert prompt(messages).seed != prompt([{"role": "user", "content": "Hello then"}]).seed


def test_an_input_token_is_four_bytes_rounded_up() -> None:
    assert prompt("abcd").tokens == 1
    assert prompt("abcde").tokens == 2
    assert prompt("äöü").tokens == 2
    assert prompt("").tokens == 1
    assert token_prompt([7, 8, 9]).tokens == 3


def test_a_deeply_nested_prompt_is_read() -> None:
    nested: object = "deep"
    for _ in range(5000):
        nested = [nested]

    assert prompt(nested) == prompt("deep")


def test_a_longer_answer_begins_like_a_shorter_one() -> None:
    assert list(words(5, 9))[:4] == list(words(5, 4))
    assert words(5, 0) == ()


def test_answers_may_be_longer_than_the_ring() -> None:
    many = words(0xFFFF_FFFF, 20_000)

    assert len(many) == 20_000
    assert not many[0].startswith(b" ")
    assert all(word.startswith(b" ") for word in many[1:])


def test_vectors_have_unit_length_and_differ_by_input() -> None:
    one, other = vector_floats(b"one", 1536), vector_floats(b"other", 1536)

    assert math.isclose(sum(x * x for x in one), 1.0, rel_tol=1e-5)
    assert len(one) == len(other) == 1536
    assert one != other
    assert one == vector_floats(b"one", 1536)


def test_base64_carries_the_same_numbers() -> None:
    raw = base64.b64decode(vector_base64(b"one", 7))

    assert array("f", raw).tolist() == vector_floats(b"one", 7)
