"""Requests are read field by field; what makes no sense is refused with the field's name."""

from collections.abc import Callable

import pytest

from sidecar.simulator.protocol.ask import (
    Answer,
    Ask,
    count,
    event,
    flag,
    model_of,
    parse,
    required,
    single_choice,
)
from sidecar.simulator.protocol.refusal import RefusedError, Trouble
from sidecar.simulator.protocol.text import Prompt


def test_a_json_object_is_a_body() -> None:
    assert parse(b'{"model": "m"}') == {"model": "m"}


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b"[]", b"null", b'"m"', b"1"])
def test_anything_else_is_none(raw: bytes) -> None:
    with pytest.raises(RefusedError) as caught:
        parse(raw)

    assert caught.value.trouble is Trouble.BAD_REQUEST


def test_the_body_names_the_model_and_else_the_path() -> None:
    assert model_of({"model": "body"}, "path") == "body"
    assert model_of({}, "path") == "path"


@pytest.mark.parametrize(
    ("read", "param"),
    [
        (lambda: model_of({}, None), "model"),
        (lambda: model_of({"model": ""}, "path"), "model"),
        (lambda: model_of({"model": 3}, None), "model"),
        (lambda: required({}, "input", str), "input"),
        (lambda: required({"input": ""}, "input", str), "input"),
        (lambda: required({"input": {"a": 1}}, "input", (str, list)), "input"),
        (lambda: flag({"stream": "yes"}, "stream"), "stream"),
        (lambda: flag({"stream": 1}, "stream"), "stream"),
        (lambda: count({"max_tokens": 0}, "max_tokens"), "max_tokens"),
        (lambda: count({"max_tokens": -5}, "max_tokens"), "max_tokens"),
        (lambda: count({"max_tokens": True}, "max_tokens"), "max_tokens"),
        (lambda: count({"max_tokens": 1.5}, "max_tokens"), "max_tokens"),
        (lambda: count({"b": "x"}, "a", "b"), "b"),
        (lambda: single_choice({"n": 2}), "n"),
    ],
)
def test_a_wrong_field_is_named(read: Callable[[], object], param: str) -> None:
    with pytest.raises(RefusedError) as caught:
        read()

    assert caught.value.param == param


def test_fields_have_their_defaults() -> None:
    assert flag({}, "stream") is False
    assert flag({"stream": None}, "stream") is False
    assert flag({"stream": True}, "stream") is True
    assert count({}, "a", "b") is None
    assert count({"a": None, "b": 7}, "a", "b") == 7
    assert count({"a": 1, "b": 7}, "a", "b") == 1
    assert required({"input": ["a"]}, "input", (str, list)) == ["a"]
    single_choice({})
    single_choice({"n": 1})


def test_an_event_is_one_line_of_json_with_or_without_a_name() -> None:
    assert event({"a": "x\ny"}) == b'data: {"a":"x\\ny"}\n\n'
    assert event({}, name="ping") == b"event: ping\ndata: {}\n\n"


def test_an_answers_text_is_all_its_words() -> None:
    answer = Answer(id="1", created=0, words=[b"so", b" it", b" is"], cut=False)

    assert answer.text == "so it is"


def test_an_ask_is_whole_and_open_ended_unless_it_says_otherwise() -> None:
    ask = Ask(model="m", prompt=Prompt(1, 1))

    assert (ask.max_tokens, ask.stream, ask.embeddings) == (None, False, None)
