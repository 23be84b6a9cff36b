"""Which requests can be merged or cut, and which with which."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from sidecar.outcomes import Priority
from sidecar.proxy.embedding_request import most_in, readable, shape_of, with_body
from tests.proxy.embedding import embedding_ask, embedding_request


async def _stream() -> AsyncIterator[bytes]:
    yield b""


def test_a_stream_may_turn_out_to_be_one() -> None:
    assert shape_of(embedding_ask(body=_stream())) is not None


def test_only_a_post_is_one() -> None:
    asked = embedding_ask("a")

    assert shape_of(replace(asked, request=replace(asked.request, method="PUT"))) is None


@pytest.mark.parametrize("name", [b"Idempotency-Key", b"Content-MD5", b"Content-Encoding"])
def test_what_is_bound_to_its_body_is_none(name: bytes) -> None:
    """A provider may answer a chunk with the vectors of another one under the same key."""
    assert shape_of(embedding_ask("a", headers=((name, b"1"),))) is None


def test_what_traces_a_request_does_not_keep_it_apart() -> None:
    one = embedding_request("a", headers=((b"newrelic", b"1"), (b"Accept-Encoding", b"gzip")))

    assert one.key == embedding_request("b", headers=((b"newrelic", b"2"),)).key


def test_keys_are_equal_for_the_same_kind_of_call() -> None:
    one = embedding_request("a", headers=((b"Authorization", b"k"), (b"User-Agent", b"x")))
    other = embedding_request("b", headers=((b"authorization", b"k"), (b"X-Stainless-OS", b"y")))

    assert one.key == other.key
    assert hash(one.key) == hash(other.key)


@pytest.mark.parametrize(
    "more",
    [
        {"headers": ((b"Authorization", b"other"),)},
        {"headers": ((b"Authorization", b"k"), (b"OpenAI-Organization", b"1"))},
        {"headers": ((b"Authorization", b"k"),), "priority": Priority.LOW},
        {"headers": ((b"Authorization", b"k"),), "sdk_retries": 1},
        {"headers": ((b"Authorization", b"k"),), "path": b"/v2/embeddings"},
        {"headers": ((b"Authorization", b"k"),), "dialect": "vllm"},
    ],
)
def test_keys_differ_where_calls_do(more: dict[str, object]) -> None:
    one = embedding_request("a", headers=((b"Authorization", b"k"),))

    assert one.key != embedding_request("a", **more).key


def test_a_body_has_no_more_in_it_than_its_length_allows() -> None:
    assert most_in(b'{"input":["","",""]}')[0] >= 3
    assert most_in(b'{"input":[1,2,3,4,5,6]}')[1] >= 6


def test_another_body_asks_for_a_plain_answer() -> None:
    request = embedding_ask("a", headers=((b"ACCEPT-encoding", b"gzip"), (b"x", b"y"))).request

    assert list(readable(request).headers) == [(b"x", b"y"), (b"Accept-Encoding", b"identity")]
    assert readable(request).body == request.body
    assert with_body(request, b"{}").body == b"{}"
