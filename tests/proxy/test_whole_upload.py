"""Streamed bodies that are held all the same."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from sidecar.errors import ShedError
from sidecar.proxy.body import BodyMemory
from sidecar.proxy.pipeline import Ask
from sidecar.proxy.whole_upload import WholeUpload
from tests.proxy.embedding import embedding_ask

BODY = b'{"model":"sim","input":["' + b"x" * 400 + b'"]}'


async def _pieces() -> AsyncIterator[bytes]:
    for at in range(0, len(BODY), 100):
        yield BODY[at : at + 100]


def _streamed(length: int | None) -> Ask:
    asked = embedding_ask(body=_pieces())
    return replace(asked, request=replace(asked.request, content_length=length))


@pytest.mark.parametrize("length", [None, len(BODY)])
async def test_it_is_held_and_read_whole(length: int | None) -> None:
    memory = BodyMemory(len(BODY))

    with WholeUpload(memory) as upload:
        whole = await upload.read(_streamed(length))
        assert memory.held == len(BODY)

    assert memory.held == 0
    assert whole.request.body == BODY
    assert whole.call.model == "sim"
    assert whole.call.tokens == len(BODY) // 4


@pytest.mark.parametrize("length", [None, len(BODY)])
async def test_memory_that_is_not_there_is_not_used(length: int | None) -> None:
    memory = BodyMemory(len(BODY) - 1)

    with pytest.raises(ShedError), WholeUpload(memory) as upload:
        await upload.read(_streamed(length))

    assert memory.held == 0


async def test_a_body_that_is_there_stays() -> None:
    asked = embedding_ask("a")

    with WholeUpload(BodyMemory(0)) as upload:
        assert await upload.read(asked) is asked
