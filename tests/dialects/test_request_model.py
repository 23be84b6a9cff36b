"""Finding the model that a request body names."""

import asyncio

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.dialects.request_model import (
    JSON,
    MULTIPART,
    PREFIX_BYTES,
    model_in_prefix,
)

DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(("model", "a", '"', "{")), inner, max_size=3)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("body", "model"),
    [
        (b'{"model":"gpt-5","messages":[{"content":"aaa', "gpt-5"),
        (b' {\r\n "stream" : true , "model" : "m" , "x', "m"),
        (b'{"messages":[{"model":"inner"}],"model":"outer","x', "outer"),
        (b'{"messages":[{"model":"inner"},"model","x', None),
        (b'{"a":"model","b":"x","c', None),
        (b'{"a":"\\"model\\":\\"fake\\"","model":"real","x', "real"),
        (b'{"a":"}","model":"m","x', "m"),
        (b'{"model":"cut of', None),
        (b'{"model":"esc\\', None),
        (b'{"model"', None),
        (b'{"model":5,"x', None),
        (b'{"model":"bad \\q escape","x', None),
        (b'{"model":"\xff","x', None),
        (b'["model":"m"', None),
        (b'{"a":["model","model"],"model":"m",', "m"),
    ],
)
def test_the_beginning_of_a_body_is_read_like_the_whole(body: bytes, model: str | None) -> None:
    assert model_in_prefix(body, JSON) == model


@given(st.dictionaries(st.sampled_from(("model", "messages", "x")), DOCUMENTS, max_size=3))
def test_beginning_and_whole_agree_where_both_see_everything(document: dict[str, object]) -> None:
    model = document.get("model")

    found = model_in_prefix(orjson.dumps(document), JSON)

    assert found == (model if isinstance(model, str) else None)


@given(st.binary(max_size=300), st.sampled_from((JSON, MULTIPART)))
def test_no_body_makes_it_raise(body: bytes, content_type: bytes) -> None:
    model_in_prefix(body, content_type)


def test_only_the_prefix_is_looked_at() -> None:
    body = b'{"a":"' + b"x" * PREFIX_BYTES + b'","model":"late"}'

    assert model_in_prefix(body, JSON) is None


async def test_a_string_that_is_cut_off_is_not_searched_again_at_each_quote() -> None:
    """Code in a prompt is full of escaped quotes: trying each of them took a second."""
    now = asyncio.get_running_loop().time
    body = b'{"messages":[{"content":"' + b'\\"' * PREFIX_BYTES
    begin = now()

    assert model_in_prefix(body, JSON) is None
    assert now() - begin < 0.1


def form(disposition: bytes, value: bytes, *more: bytes) -> bytes:
    head = b"\r\n".join([b"Content-Disposition: form-data; " + disposition, *more])
    return b"--b\r\n" + head + b"\r\n\r\n" + value + b"\r\n--b--\r\n"


@pytest.mark.parametrize(
    ("body", "model"),
    [
        (form(b'name="model"', b"whisper-1"), "whisper-1"),
        (form(b"name=model", b"whisper-1"), "whisper-1"),
        (form(b'name="model"', b"m", b"Content-Type: text/plain"), "m"),
        (form(b'NAME="model"', b"m"), "m"),
        (form(b'name="file"', b"aaa") + form(b'name="model"', b"m"), "m"),
        (form(b'name="mode"', b"m"), None),
        (form(b'name="model"', b""), None),
        (form(b'name="model"', b"\xff"), "\ufffd"),
    ],
)
def test_a_form_names_its_model_in_the_field_of_that_name(body: bytes, model: str | None) -> None:
    assert model_in_prefix(body, MULTIPART) == model


def test_a_file_called_model_is_not_taken_for_the_model() -> None:
    """Its content would become a metric's label."""
    body = form(b'name="file"; filename="model"', b"secret")

    assert model_in_prefix(body, MULTIPART) is None
